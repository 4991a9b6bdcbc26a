"""Anonymous users and progressive sign-in."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import grpc
import pytest
from kit.accounts.anonymous import DAY_S, Shop
from kit.accounts.custom import GRANT, Custom
from kit.accounts.directory import NOT_FOUND, Json, People
from kit.browser import Browser
from kit.callers import refusal
from kit.oauth import Refused, refused
from sqlalchemy import func, select, update

from ostiary.audit.runtime_capture import CAPTURE_RUNTIME_ACTIVITY
from ostiary.background.cleaner import KEPT_MS, clean
from ostiary.mfa.settings import MFA
from ostiary.store.tables import AuthorizationCode, Profile, table_of
from ostiary_api.appid.management.v4 import runtime_activity_pb2
from ostiary_api.appid.management.v4.mfa_pb2 import MfaConfig

UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
ANONYMOUS_SCOPE = "openid appid_default appid_readuserattr appid_readprofile appid_writeuserattr"
NO_ACCESS = {"error": "access_denied", "error_description": "Anonymous token is disabled", "state": "s1"}
PROFILES = table_of(Profile)


@pytest.fixture
def shop(people: People) -> Shop:
    return Shop(people)


def profiles(shop: Shop) -> int:
    """How many profiles the tenant has, anonymous ones too."""
    with shop.people.made.runtime.store.read() as work:
        row = work.row(select(func.count()).where(PROFILES.c.tenant_id == shop.people.tenant_id))
        assert row is not None
        return int(row[0])


def test_an_anonymous_user_gets_tokens_without_a_page(shop: Shop) -> None:
    seen = shop.authorize(nonce="n1", prompt="none")
    assert set(seen.sent_back) == {"code", "state", "iss"}
    assert seen.cookies == []
    tokens = shop.redeem(seen.sent_back["code"])
    access, identity = shop.claims(tokens), shop.claims(tokens, "id_token")
    assert tokens["scope"] == access["scope"] == ANONYMOUS_SCOPE
    assert access["amr"] == identity["amr"] == ["appid_anon"]
    assert access["sub"] == identity["sub"] != shop.claims(shop.visit())["sub"]
    assert identity["nonce"] == "n1"
    assert not {"identities", "email", "name"} & set(identity)
    assert not identity["email_verified"]
    assert shop.oauth.is_active(tokens["access_token"], shop.app)
    assert shop.oauth.userinfo(tokens["access_token"]) == {
        "sub": access["sub"], "email_verified": False, "identities": [],
    }  # fmt: skip


def test_a_second_factor_is_not_asked_of_who_has_none(shop: Shop) -> None:
    with shop.people.made.runtime.store.write() as work:
        MFA.replace(work, shop.people.tenant_id, MfaConfig(is_active=True), 1)
    assert shop.visit()


def test_anonymous_access_is_off_until_it_is_switched_on_and_ends_when_it_is_switched_off(people: People) -> None:
    shop = Shop(people, anonymous_access=None)
    assert NO_ACCESS.items() <= shop.authorize().sent_back.items()
    shop.oauth.settings(anonymous_access={"enabled": True}, refresh={"enabled": True})
    code, tokens = shop.authorize().sent_back["code"], shop.visit()
    shop.oauth.settings(anonymous_access={"enabled": False}, refresh={"enabled": True})
    assert NO_ACCESS.items() <= shop.authorize().sent_back.items()
    with refused("invalid_grant"):
        shop.redeem(code)
    with refused("invalid_grant"):
        shop.oauth.refresh(shop.app, tokens["refresh_token"])
    assert shop.attributes(tokens) == {}, "what is out lives on"


def test_tokens_live_as_long_as_the_settings_say(people: People) -> None:
    shop = Shop(people, anonymous_access={"enabled": True, "expires_in": 2 * DAY_S}, access={"expires_in": 300})
    tokens = shop.visit()
    for kind in ("access_token", "id_token"):
        claims = shop.claims(tokens, kind)
        assert claims["exp"] - claims["iat"] == tokens["expires_in"] == 2 * DAY_S
    people.made.clock.advance(2 * DAY_S - 1)
    assert shop.attributes(tokens) == {}
    people.made.clock.advance(1)
    assert refusal(partial(shop.attributes, tokens)) == (UNAUTHENTICATED, "INVALID_TOKEN")


def test_an_anonymous_user_has_attributes_and_is_never_listed(shop: Shop) -> None:
    tokens = shop.visit()
    shop.put(tokens, "cart", "7")
    assert shop.attributes(tokens) == {"cart": "7"}
    profile_id = shop.claims(tokens)["sub"]
    assert shop.people.profiles("GetUserProfile", id=profile_id) == {
        "id": profile_id, "identities": [], "attributes": {"cart": "7"},
    }  # fmt: skip
    assert shop.people.profiles("SearchUserProfiles")["totalResults"] == 0
    shop.people.profiles("DeleteUserProfile", id=profile_id)
    assert refusal(partial(shop.attributes, tokens)) == (UNAUTHENTICATED, "INVALID_TOKEN")


def test_mapped_claims_of_an_anonymous_user_come_from_its_attributes(people: People) -> None:
    mapping = [{"source": "attributes", "source_claim": "cart"}, {"source": "roles"}]
    shop = Shop(people, access_token_claims=mapping)
    tokens = shop.visit()
    shop.put(tokens, "cart", "7")
    again = shop.claims(shop.visit(appid_access_token=tokens["access_token"]))
    assert (again["cart"], again["roles"]) == ("7", [])


def test_an_anonymous_user_refreshes_and_stays_anonymous(people: People) -> None:
    shop = Shop(people, refresh={"enabled": True})
    first = shop.visit()
    second = shop.oauth.refresh(shop.app, first["refresh_token"], appid_access_token=first["access_token"])
    assert second["scope"] == ANONYMOUS_SCOPE
    assert shop.claims(second)["sub"] == shop.claims(first)["sub"]
    assert shop.claims(second)["amr"] == ["appid_anon"]
    assert second["expires_in"] == 30 * DAY_S
    with refused("invalid_scope"):
        shop.oauth.refresh(shop.app, second["refresh_token"], scope="appid_authenticated")


def test_the_same_anonymous_user_goes_on(shop: Shop) -> None:
    first = shop.visit()
    again = shop.visit(appid_access_token=first["access_token"])
    assert shop.claims(again)["sub"] == shop.claims(first)["sub"]
    assert profiles(shop) == 1


@pytest.mark.parametrize("scope", ["appid_authenticated", "openid appid_authenticated", "admin"])
def test_nothing_is_granted_to_an_anonymous_user_that_it_may_not_have(shop: Shop, scope: str) -> None:
    assert shop.authorize(scope=scope).sent_back["error"] == "invalid_scope"
    assert profiles(shop) == 0


def test_who_signs_in_keeps_what_he_did_anonymously_and_the_old_tokens_die(people: People) -> None:
    shop = Shop(people, refresh={"enabled": True})
    user, visit = people.create(), shop.visit()
    shop.put(visit, "cart", "7")
    unused = shop.authorize(appid_access_token=visit["access_token"]).sent_back["code"]
    tokens = shop.sign_in(visit["access_token"])
    access, identity = shop.claims(tokens), shop.claims(tokens, "id_token")
    assert access["sub"] == shop.claims(visit)["sub"]
    assert access["amr"] == ["cloud_directory"]
    assert access["scope"] == f"{ANONYMOUS_SCOPE} appid_authenticated"
    assert (identity["email"], identity["identities"]) == (
        "jane@example.com", [{"provider": "cloud_directory", "id": user["id"]}],
    )  # fmt: skip
    assert shop.attributes(tokens) == {"cart": "7"}
    assert people.profiles("SearchUserProfiles")["totalResults"] == 1
    # Not a second has passed on the tests' clock: what is dead is not told by its age.
    assert refusal(partial(shop.attributes, visit)) == (UNAUTHENTICATED, "INVALID_TOKEN")
    for token in (visit["access_token"], visit["id_token"]):
        assert not shop.oauth.is_active(token, shop.app)
    with refused("invalid_grant"):
        shop.oauth.refresh(shop.app, visit["refresh_token"])
    with refused("invalid_grant"):
        shop.redeem(unused)
    assert shop.attributes(shop.oauth.refresh(shop.app, tokens["refresh_token"])) == {"cart": "7"}


def by_password(shop: Shop, token: str) -> Json:
    shop.people.create()
    return shop.oauth.sign_in(shop.app, "jane@example.com", appid_access_token=token)


def by_assertion(shop: Shop, token: str) -> Json:
    custom = Custom(shop.people.caller, shop.people.tenant_id)
    form = {"grant_type": GRANT, "assertion": custom.assertion(email="jane@example.com"), "appid_access_token": token}
    return shop.oauth.token(form, shop.app.basic)


@pytest.mark.parametrize("sign_in", [by_password, by_assertion])
def test_the_token_endpoint_keeps_it_too(shop: Shop, sign_in: partial[Json]) -> None:
    visit = shop.visit()
    shop.put(visit, "cart", "7")
    tokens = sign_in(shop, visit["access_token"])
    assert shop.claims(tokens)["sub"] == shop.claims(visit)["sub"]
    assert shop.attributes(tokens) == {"cart": "7"}
    assert shop.claims(tokens, "id_token")["email"] == "jane@example.com"


def test_who_is_known_keeps_his_own_profile_and_the_anonymous_one_stays_what_it_is(shop: Shop) -> None:
    known, visit = shop.people.with_profile(), shop.visit()
    shop.put(visit, "cart", "7")
    tokens = shop.sign_in(visit["access_token"])
    assert shop.claims(tokens)["sub"] == known["profileId"]
    assert shop.attributes(tokens) == {}
    assert shop.attributes(visit) == {"cart": "7"}


def test_a_token_that_is_over_holds_nobody_up(people: People) -> None:
    shop = Shop(people, anonymous_access={"enabled": True, "expires_in": DAY_S})
    people.create()
    expired = shop.visit()
    people.made.clock.advance(DAY_S)
    people.authenticate()
    revoked, deleted = shop.visit(), shop.visit()
    shop.oauth.revoke({"token": revoked["access_token"]}, shop.app.basic)
    people.profiles("DeleteUserProfile", id=shop.claims(deleted)["sub"])
    seen = set()
    for visit in (expired, revoked, deleted):
        seen.add(shop.claims(shop.sign_in(visit["access_token"]))["sub"])
        again = shop.visit(appid_access_token=visit["access_token"])
        assert shop.claims(again)["sub"] != shop.claims(visit)["sub"]
    assert len(seen) == 1
    assert seen.isdisjoint(shop.claims(visit)["sub"] for visit in (expired, revoked, deleted))


def test_only_an_access_token_that_this_application_got_for_an_anonymous_user_is_taken(shop: Shop) -> None:
    people, foreign = shop.people, Shop(People(shop.people.caller))
    people.create("victim@example.com")
    people.create("thief@example.com")
    visit, victim = shop.visit(), shop.oauth.sign_in(shop.app, "victim@example.com")
    other = shop.visit(shop.oauth.application("other"))
    bad = {
        "identified": victim["access_token"], "id token": visit["id_token"], "other client": other["access_token"],
        "other tenant": foreign.visit()["access_token"], "client's own": client_token(shop),
        "cut short": visit["access_token"][:-3], "no token": "x.y.z", "nothing signed": unsigned(visit["access_token"]),
    }  # fmt: skip
    for name, token in bad.items():
        answer = Browser(shop.oauth).authorize(shop.app, appid_access_token=token).sent_back
        assert answer["error"] == "invalid_request", name
        assert shop.authorize(appid_access_token=token).sent_back["error"] == "invalid_request", name
        with refused("invalid_request") as seen:
            shop.oauth.sign_in(shop.app, "thief@example.com", appid_access_token=token)
        assert seen.value.reason == "INVALID_ANONYMOUS_TOKEN"
    thief = shop.claims(shop.oauth.sign_in(shop.app, "thief@example.com"))["sub"]
    assert thief not in {shop.claims(tokens)["sub"] for tokens in (visit, victim, other)}
    assert shop.attributes(visit) == shop.attributes(victim) == shop.attributes(other) == {}


def client_token(shop: Shop) -> str:
    return str(shop.oauth.token({"grant_type": "client_credentials"}, shop.app.basic)["access_token"])


def unsigned(token: str) -> str:
    return ".".join([*token.split(".")[:2], ""])


def test_a_stolen_token_is_worth_nothing_once_its_holder_has_signed_in(shop: Shop) -> None:
    shop.people.create()
    shop.people.create("thief@example.com")
    visit = shop.visit()
    mine = shop.claims(shop.sign_in(visit["access_token"]))["sub"]
    theirs = shop.claims(shop.sign_in(visit["access_token"], "thief@example.com"))["sub"]
    assert (mine, theirs != mine) == (shop.claims(visit)["sub"], True)


def test_of_many_who_sign_in_at_once_with_one_token_one_gets_the_profile(shop: Shop) -> None:
    names = [f"user{number}@example.com" for number in range(4)]
    for name in names:
        shop.people.create(name)
    visit = shop.visit()
    shop.put(visit, "cart", "7")

    def sign_in(name: str) -> Json:
        return shop.oauth.sign_in(shop.app, name, appid_access_token=visit["access_token"])

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(sign_in, names * 2))
    subjects = [shop.claims(answer)["sub"] for answer in answers]
    assert subjects[:4] == subjects[4:], "each has one profile, however many of its sign-ins happen at once"
    assert len(set(subjects)) == 4
    assert subjects[:4].count(shop.claims(visit)["sub"]) == 1
    assert [shop.attributes(answer) for answer in answers].count({"cart": "7"}) == 2
    assert profiles(shop) == 4


def test_the_page_remembers_the_anonymous_user_and_does_not_hold_his_token(shop: Shop) -> None:
    shop.people.create()
    visit = shop.visit()
    browser = Browser(shop.oauth)
    page = browser.authorize(shop.app, appid_access_token=visit["access_token"])
    assert visit["access_token"] not in page.body
    tokens = shop.redeem(browser.submit(page, "jane@example.com").sent_back["code"])
    assert shop.claims(tokens)["sub"] == shop.claims(visit)["sub"]


def test_who_is_expected_by_the_client_must_be_the_same(shop: Shop) -> None:
    visit = shop.visit()
    hint = {"id_token_hint": visit["id_token"]}
    assert shop.authorize(**hint).sent_back["error"] == "login_required"
    again = shop.visit(**hint, appid_access_token=visit["access_token"])
    assert shop.claims(again)["sub"] == shop.claims(visit)["sub"]


def test_anonymous_profiles_go_when_nobody_can_hold_a_token_of_them(people: People) -> None:
    shop = Shop(people, anonymous_access={"enabled": True, "expires_in": DAY_S}, refresh={"enabled": True})
    store, clock = people.made.runtime.store, people.made.clock
    shop.authorize()
    shop.visit()
    known = people.with_profile()
    assert profiles(shop) == 3

    def left_after(seconds: int) -> int:
        clock.advance(seconds)
        clean(store, clock, 0)
        return profiles(shop)

    hour = KEPT_MS // 1000
    assert left_after(60 + hour) == 2, "the code that nobody redeemed"
    assert left_after(29 * DAY_S) == 2, "the refresh token lives"
    assert left_after(DAY_S) == 1
    people.authenticate()
    assert people.profiles("SearchUserProfiles")["users"][0]["id"] == known["profileId"]


def test_a_profile_that_became_somebodys_stays(people: People) -> None:
    shop = Shop(people, anonymous_access={"enabled": True, "expires_in": DAY_S})
    people.create()
    shop.sign_in(shop.visit()["access_token"])
    people.made.clock.advance(400 * DAY_S)
    clean(people.made.runtime.store, people.made.clock, 0)
    assert profiles(shop) == 1


def test_a_revoked_anonymous_token_stays_dead_for_all_its_life(people: People) -> None:
    shop = Shop(people, anonymous_access={"enabled": True, "expires_in": 90 * DAY_S}, refresh={"enabled": True})
    one, family, code_used_twice = shop.visit(), shop.visit(), shop.authorize().sent_back["code"]
    stolen = shop.redeem(code_used_twice)
    shop.oauth.revoke({"token": one["access_token"]}, shop.app.basic)
    shop.oauth.revoke({"token": family["refresh_token"]}, shop.app.basic)
    with refused("invalid_grant"):
        shop.redeem(code_used_twice)
    people.made.clock.advance(80 * DAY_S)
    clean(people.made.runtime.store, people.made.clock, 0)
    for tokens in (one, family, stolen):
        assert not shop.oauth.is_active(tokens["access_token"], shop.app)


def test_an_anonymous_user_becomes_somebody_while_his_code_is_redeemed(shop: Shop) -> None:
    """What was read before the profile changed hands decides nothing: the code is looked at again."""
    visit = shop.visit()
    code = shop.authorize(appid_access_token=visit["access_token"]).sent_back["code"]
    with shop.people.made.runtime.store.write() as work:
        mine = (PROFILES.c.tenant_id == shop.people.tenant_id, PROFILES.c.id == shop.claims(visit)["sub"])
        work.run(update(PROFILES).where(*mine).values(anonymous=False, expires_at=None))
    with refused("invalid_grant"):
        shop.redeem(code)
    codes = table_of(AuthorizationCode)
    with shop.people.made.runtime.store.read() as work:
        rows = work.rows(select(codes.c.used_at).where(codes.c.tenant_id == shop.people.tenant_id))
    assert sorted(row.used_at is None for row in rows) == [False, True], "the first was redeemed, the second not"


def test_signing_in_anonymously_is_recorded_where_runtime_activity_is(shop: Shop) -> None:
    config = runtime_activity_pb2.RuntimeActivityConfig(is_active=True)
    shop.visit()
    with shop.people.made.runtime.store.write() as work:
        CAPTURE_RUNTIME_ACTIVITY.replace(work, shop.people.tenant_id, config, 1)
    subject = shop.claims(shop.visit())["sub"]
    assert shop.people.audited() == [("appid.user.authenticate", subject)]


def test_an_unknown_profile_is_unknown_whoever_it_was(shop: Shop) -> None:
    foreign = Shop(People(shop.people.caller))
    asked = partial(shop.people.profiles, "GetUserProfile", id=foreign.claims(foreign.visit())["sub"])
    assert refusal(asked) == (NOT_FOUND, "PROFILE_NOT_FOUND")
    with pytest.raises(Refused):
        shop.oauth.userinfo(foreign.visit()["access_token"])
