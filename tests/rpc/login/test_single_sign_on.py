"""Single sign-on: one sign-in with a browser opens the other applications of a tenant, at both issuers."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from kit.accounts.custom import public
from kit.accounts.openid import AppIssuer, Issuer, PlatformIssuer
from kit.accounts.platform_browser import SIGNED_OUT
from kit.browser import Seen
from kit.callers import Caller
from sqlalchemy import select, update

from ostiary.ids import digest
from ostiary.oauth.sessions.access_revocation import end_access_of_user, remove_user
from ostiary.oauth.sessions.browser import LONGEST_S
from ostiary.store.tables import Session, User, table_of
from ostiary.upstream.custom import CUSTOM
from ostiary_api.appid.management.v4 import identity_providers_pb2 as providers

pytestmark = pytest.mark.parametrize("shared_caller", ["sqlite"], indirect=True, scope="module")
SESSIONS, USERS = table_of(Session), table_of(User)
ISSUERS = {"appid": AppIssuer, "oidc": PlatformIssuer}


@pytest.fixture(params=ISSUERS)
def issuer(request: pytest.FixtureRequest, shared_caller: Caller) -> Iterator[Issuer]:
    """An issuer of a tenant with single sign-on."""
    made: Issuer = ISSUERS[request.param](shared_caller)
    made.share()
    yield made
    made.share()


def after(issuer: Issuer, seconds: float) -> None:
    issuer.caller.installation.clock.advance(seconds)


def identity(issuer: Issuer, code: str) -> dict[str, Any]:
    """The claims of the identity token of a code."""
    return issuer.verified(issuer.redeem(code)["id_token"])


def silent(issuer: Issuer, **parameters: str) -> str:
    """What comes of a request that may ask nobody: `code`, or the error."""
    back = issuer.authorize(prompt="none", scope="openid", **parameters).sent_back
    return "code" if "code" in back else back["error"]


def row(issuer: Issuer) -> Any:
    with issuer.caller.installation.runtime.store.read() as work:
        return work.row(select(SESSIONS).where(SESSIONS.c.secret == digest(issuer.session)))


def in_store(issuer: Issuer, change: Any) -> None:
    with issuer.caller.installation.runtime.store.write() as work:
        change(work)


def asks(seen: Seen) -> bool:
    return seen.status == 200 and seen.hidden["step"] == "password"


def test_the_second_application_and_the_other_issuer_ask_nobody(issuer: Issuer) -> None:
    first = identity(issuer, issuer.sign_in(scope="openid"))
    after(issuer, 60)
    assert silent(issuer) == "code"
    other = issuer.another()
    back = other.authorize(scope="openid")
    assert (back.status, back.sent_back["state"]) == (303, "s1")
    second = identity(other, back.sent_back["code"])
    same = ("sub", "auth_time", "sid", "amr")
    assert [second[name] for name in same] == [first[name] for name in same]
    beside = (PlatformIssuer if isinstance(issuer, AppIssuer) else AppIssuer)(issuer.caller, issuer)
    third = identity(beside, beside.authorize(scope="openid").sent_back["code"])
    assert (third["auth_time"], third["sid"]) == (first["auth_time"], first["sid"])
    assert {tuple(first["amr"]), tuple(third["amr"])} == {("cloud_directory",), ("pwd",)}


def test_the_cookie_is_opaque_for_this_host_and_kept_as_a_digest(issuer: Issuer) -> None:
    done = issuer.submit(issuer.authorize(scope="openid"))
    (line,) = (line for line in done.cookies if line.startswith("ostiary_session_"))
    assert f"; Path=/; Max-Age={LONGEST_S}; HttpOnly; SameSite=Lax" in line
    assert (len(issuer.session), row(issuer).user_id) == (43, issuer.user.id)
    assert issuer.session not in str(tuple(row(issuer)))
    assert not [line for line in issuer.authorize(scope="openid").cookies if "ostiary_session_" in line]


def test_off_or_at_app_id_beside_other_providers_everybody_is_asked(issuer: Issuer) -> None:
    issuer.sign_in(scope="openid")
    issuer.share(on=False)
    assert (asks(issuer.authorize()), silent(issuer)) == (True, "login_required")
    fresh = issuer.elsewhere()
    assert fresh.sign_in(scope="openid")
    assert fresh.session == ""
    issuer.share()
    assert silent(issuer) == "code"
    clock = issuer.caller.installation.clock
    for active in (True, False):
        provider = providers.CustomProvider(is_active=active)
        provider.config.public_key = public(rsa.generate_private_key(65537, 2048))
        in_store(issuer, lambda work, said=provider: CUSTOM.replace(work, issuer.tenant_id, said, clock.now_ms()))
        rests = active and isinstance(issuer, AppIssuer)  # as App ID documents; at the platform all are its members
        assert silent(issuer) == ("login_required" if rests else "code")


def test_a_session_ends_when_it_is_not_used_and_at_its_longest(issuer: Issuer) -> None:
    issuer.share(idle_s=3_600)
    issuer.sign_in(scope="openid")
    for _ in range(3):
        after(issuer, 3_599)
        assert silent(issuer) == "code"
    after(issuer, 3_600)
    assert silent(issuer) == "login_required"
    issuer.share(idle_s=604_800)
    issuer.sign_in(scope="openid")
    for _ in range(4):
        after(issuer, 604_799)
        assert silent(issuer) == "code"
    after(issuer, LONGEST_S - 4 * 604_799 - 1)
    assert silent(issuer) == "code"
    after(issuer, 1)
    assert silent(issuer) == "login_required"


def test_the_client_says_when_the_person_is_asked_again(issuer: Issuer) -> None:
    first = identity(issuer, issuer.sign_in(scope="openid"))
    after(issuer, 100)
    for asking in ({"prompt": "login"}, {"prompt": "select_account"}, {"prompt": "consent"}, {"max_age": "99"},
                   {"max_age": "0"}, {"login_hint": "somebody@example.com"}):  # fmt: skip
        assert asks(issuer.authorize(**asking)), asking
    for passing in ({"max_age": "100"}, {"login_hint": f"{issuer.user.name}@Example.com"}):
        assert issuer.authorize(**passing).status == 303, passing
    before, secret = row(issuer), issuer.session
    again = identity(issuer, issuer.sign_in(scope="openid", prompt="login"))
    assert again["auth_time"] == first["auth_time"] + 100
    assert (again["sid"], row(issuer).id) == (first["sid"], before.id)
    assert issuer.session != secret, "what was there before the proof is worth nothing after it"
    issuer.cookies = dict.fromkeys(issuer.cookies, secret)
    assert silent(issuer) == "login_required"


def test_a_hint_names_who_must_be_signed_in(issuer: Issuer) -> None:
    mine = issuer.redeem(issuer.sign_in(scope="openid"))["id_token"]
    assert silent(issuer, id_token_hint=mine) == "code"
    other = type(issuer)(issuer.caller)
    other.party = issuer.party
    theirs = other.redeem(other.sign_in(scope="openid"))["id_token"]
    assert silent(issuer, id_token_hint=theirs) == "login_required"
    assert asks(issuer.authorize(id_token_hint=theirs))


def test_a_secret_from_elsewhere_opens_nothing(issuer: Issuer) -> None:
    """A planted cookie, that of another tenant, a name or an id in place of the secret, several of one name."""
    issuer.sign_in(scope="openid")
    name = next(name for name in issuer.cookies if name.startswith("ostiary_session_"))
    made = row(issuer)
    victim = issuer.elsewhere()
    for planted in ("x", made.id, made.secret, issuer.session[:-1], "", '"', "a" * 5_000):
        victim.cookies = {name: planted}
        page = victim.authorize(scope="openid")
        assert asks(page), planted
    victim.submit(page)
    assert victim.session not in ("", planted, issuer.session)
    installation = issuer.caller.installation
    away = type(issuer)(issuer.caller)
    away.tenant_id = installation.new_tenant(f"away-{issuer.user.name}")
    away.share()
    assert away.session == ""
    in_store(issuer, lambda work: work.run(
        update(SESSIONS).where(SESSIONS.c.id == made.id).values(tenant_id=away.tenant_id)))  # fmt: skip
    assert silent(issuer) == "login_required", "a session of another tenant, under this tenant's cookie"


def test_another_person_at_the_same_browser_gets_a_session_of_its_own(issuer: Issuer) -> None:
    first = identity(issuer, issuer.sign_in(scope="openid"))
    before, second = issuer.session, type(issuer)(issuer.caller)
    second.cookies = issuer.cookies
    told = identity(second, second.sign_in(scope="openid", prompt="login"))
    assert (told["sub"] != first["sub"], told["sid"] != first["sid"]) == (True, True)
    issuer.cookies = dict.fromkeys(issuer.cookies, before)
    assert silent(issuer) == "login_required"


@pytest.mark.parametrize("ending", ["access", "user", "deactivated"])
def test_what_ends_the_access_of_a_user_ends_its_sessions(issuer: Issuer, ending: str) -> None:
    code = issuer.sign_in(scope="openid")
    tenant, user, now = issuer.tenant_id, issuer.user.id, issuer.caller.installation.clock.now_ms()
    deactivated = update(USERS).where(USERS.c.id == user).values(active=False)
    ways: dict[str, Any] = {
        "access": lambda work: end_access_of_user(work, tenant, user, now),
        "user": lambda work: remove_user(work, tenant, user, now),
        "deactivated": lambda work: work.run(deactivated),
    }
    in_store(issuer, ways[ending])
    assert silent(issuer) == "login_required"
    assert issuer.refused(lambda: issuer.redeem(code)) == "invalid_grant"


def test_many_at_once_share_one_session(issuer: Issuer) -> None:
    issuer.sign_in(scope="openid")
    with ThreadPoolExecutor(4) as threads:
        codes = list(threads.map(lambda _: issuer.authorize(scope="openid").sent_back["code"], range(8)))
    assert len({identity(issuer, code)["sid"] for code in codes}) == 1


def test_signing_out_ends_the_session_of_the_person_in_the_hint(issuer: Issuer) -> None:
    tokens = issuer.redeem(issuer.sign_in(scope="openid"))
    stranger = type(issuer)(issuer.caller)
    theirs = stranger.redeem(stranger.sign_in(scope="openid"))["id_token"]
    issuer.sign_out(id_token_hint=theirs)
    assert silent(issuer) == "code", "who sends somebody else's token signs nobody else out"
    assert silent(stranger) == "login_required"
    after(issuer, 4_000)
    back = issuer.sign_out(id_token_hint=tokens["id_token"], post_logout_redirect_uri=SIGNED_OUT, state="s2")
    assert back.headers["location"] == f"{SIGNED_OUT}?state=s2"
    assert (issuer.session, silent(issuer)) == ("", "login_required")


def test_without_a_hint_the_person_is_asked_first(issuer: Issuer) -> None:
    issuer.sign_in(scope="openid")
    page = issuer.sign_out()
    assert (page.status, "You are signed out" in page.body, silent(issuer)) == (200, False, "code")
    assert issuer.sign_out("0" * 64).status == 403
    twin = issuer.elsewhere()
    twin.sign_in(scope="openid")
    assert twin.sign_out(page.confirm).status == 403, "the page of another browser"
    assert silent(issuer) == "code"
    assert "You are signed out" in issuer.sign_out(page.confirm).body
    assert (silent(issuer), silent(twin)) == ("login_required", "code")
    assert "You are signed out" in issuer.sign_out().body


def test_app_id_signs_out_of_this_browser_or_of_all(shared_caller: Caller) -> None:
    issuer = AppIssuer(shared_caller)
    issuer.share()
    web = issuer.web
    named = {"client_id": issuer.client_id, "redirect_uri": SIGNED_OUT}
    for everywhere in ({}, {"all_sessions": "false"}, {"all_sessions": "true"}):
        twin = issuer.elsewhere()
        issuer.sign_in(scope="openid")
        twin.sign_in(scope="openid")
        for bad in ({"redirect_uri": f"{SIGNED_OUT}.evil.tld"}, {"client_id": "nobody"}, {"redirect_uri": ""}):
            seen = web.sign_out_of_applications(**{**named, **bad})
            assert (seen.status, "location" in seen.headers) == (400, False), bad
        assert silent(issuer) == "code"
        back = web.sign_out_of_applications(**named, **everywhere)
        assert (back.status, back.headers["location"]) == (303, SIGNED_OUT)
        assert silent(issuer) == "login_required"
        assert silent(twin) == ("login_required" if everywhere.get("all_sessions") == "true" else "code")
    assert web.sign_out_of_applications(**named).status == 303, "also of who is not signed in"
