"""Passkeys: enrolled at the account, and proved in place of a password or after one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from html import unescape
from typing import Any

import pytest
from kit.accounts.own_account import OwnAccount, forms
from kit.audited import audited
from kit.browser import CALLBACK, Browser, Seen, redeem
from kit.callers import Caller, serving
from kit.devices.authenticator import Authenticator
from kit.servers.installation import InstallationTemplate
from sqlalchemy import select, update

from ostiary.directory.factors.relying_party import relying_party
from ostiary.mfa.settings import MFA
from ostiary.store.tables import Factor, Passkey, User, table_of
from ostiary_api.appid.management.v4 import mfa_pb2

ORIGIN = "http://localhost:8080"
_OPTIONS = re.compile(r'data-options="([^"]*)"')


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def site(
    request: pytest.FixtureRequest, installation_template: Callable[..., InstallationTemplate],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Caller]:  # fmt: skip
    """A server with a name: browsers have no passkeys for addresses."""
    copied = installation_template(request.param, "module").copy_to(tmp_path_factory.mktemp("named"))
    named = copied.with_settings(public_url=ORIGIN)
    copied.runtime.store.close()
    with serving(named) as caller:
        yield caller


@pytest.fixture
def ada(site: Caller) -> OwnAccount:
    return OwnAccount(site)


def options(page: Seen) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(unescape(_OPTIONS.findall(page.body)[0]))
    return found


def enrol(account: OwnAccount, device: Authenticator, page: Seen | None = None, **made: Any) -> Seen:
    page = page or account.open("passkey")
    if page.status != 200 or not forms(page, "passkey"):
        page = account.enter("passkey")
    return account.send(page, "passkey", name="Laptop", credential=device.make(options(page), **made))


def enrolled(account: OwnAccount, **device: Any) -> Authenticator:
    made = Authenticator(ORIGIN, **device)
    assert enrol(account, made).status == 303
    return made


def proves(account: OwnAccount, device: Authenticator, page: Seen | None = None, **client: Any) -> Seen:
    page = page or account.open()
    return account.prove(page, "", step="passkey", credential=device.prove(options(page), **client))


def amr(account: OwnAccount, device: Authenticator) -> list[str]:
    """What an application is told of a sign-in with the passkey."""
    browser = Browser(account.runtime)
    browser.register(CALLBACK)
    app = account.runtime.application()
    page = browser.authorize(app, scope="openid")
    sent = browser.submit(page, "", "", step="passkey", credential=device.prove(options(page)))
    tokens = redeem(account.runtime, app, sent.sent_back["code"])
    return list(account.runtime.verified(str(tokens["id_token"]))[1]["amr"])


def factor(account: OwnAccount) -> Any:
    table, keys = table_of(Factor), table_of(Passkey)
    with account.caller.installation.runtime.store.read() as work:
        return work.row(
            select(table.c.counter, table.c.last_used_at, keys.c.discoverable, keys.c.public_key)
            .join(keys, keys.c.factor_id == table.c.id)
            .where(table.c.user_id == account.user_id)
        )


def test_a_passkey_is_enrolled_and_signs_in_without_a_name(ada: OwnAccount) -> None:
    page = ada.enter("passkey")
    asked = options(page)
    assert (asked["rp"]["id"], asked["attestation"], asked["extensions"]) == ("localhost", "none", {"credProps": True})
    assert [one["alg"] for one in asked["pubKeyCredParams"]] == [-7, -8, -257]
    assert asked["authenticatorSelection"]["residentKey"] == asked["authenticatorSelection"]["userVerification"]
    assert ada.email not in asked["user"]["id"]
    assert "script-src 'self'" in page.headers["content-security-policy"]
    device = Authenticator(ORIGIN)
    done = enrol(ada, device, page)
    account = ada.follow(done)
    assert ("Your passkey is set up" in account.body, "Laptop" in account.body) == (True, True)
    assert any("ACCOUNT_CHANGED" in mail or "Laptop" in mail for mail in ada.mails())
    assert factor(ada).discoverable
    recorded = [
        (row.action, row.target_name) for row in audited(ada.caller.installation) if row.initiator_id == ada.user_id
    ]
    assert ("factor.create", "passkey") in recorded
    stranger = OwnAccount(ada.caller, ada.email)
    page = stranger.open()
    assert 'autocomplete="username webauthn"' in page.body
    assert (options(page)["allowCredentials"], options(page)["userVerification"]) == ([], "required")
    entered = proves(stranger, device, page)
    assert entered.status == 303, entered.body
    assert stranger.follow(entered).status == 200
    assert proves(stranger, device, page).status in (400, 403), "each form counts once"
    assert amr(ada, device)[0] == "swk"


def test_what_is_not_an_answer_to_this_page_is_refused(ada: OwnAccount) -> None:
    device = enrolled(ada)
    stranger = ada.elsewhere()
    page = stranger.open()
    wrong: dict[str, dict[str, Any]] = {
        "origin": {"origin": "https://evil.example.com"}, "challenge": {"challenge": "AAAA"},
        "type": {"type": "webauthn.create"},
    }  # fmt: skip
    for client in wrong.values():
        refused = proves(stranger, device, page, **client)
        assert (refused.status, "This passkey was not accepted" in refused.body) == (401, True)
    handle, device.user_handle = device.user_handle, "bm9ib2R5"
    assert proves(stranger, device, page).status == 401, "made for somebody else"
    device.user_handle = ""
    assert proves(stranger, device, page).status == 401, "made for nobody"
    device.user_handle, device.verifies = handle, False
    assert proves(stranger, device, page).status == 401, "nobody was verified"
    device.verifies = True
    other = options(ada.elsewhere().open())
    sent = stranger.prove(page, "", step="passkey", credential=device.prove(other))
    assert sent.status == 401, "an answer to the page of another browser"
    for nonsense in ("{", "[]", '{"id":1}', '{"id":"AA","response":{"userHandle":"!"}}', '{"id":"a","response":5}'):
        assert stranger.prove(page, "", step="passkey", credential=nonsense).status == 401, nonsense
    assert proves(stranger, Authenticator(ORIGIN, user_handle=handle), page).status == 401, "unknown here"
    assert proves(stranger, device, page).status == 303


def test_a_counter_that_does_not_rise_is_a_copy(ada: OwnAccount) -> None:
    device = enrolled(ada, counter=7, synced=False)
    stranger = ada.elsewhere()
    assert proves(stranger, device).status == 303
    assert factor(ada).counter == 8
    device.counter = 5
    for expected in (401, 401, 401, 303):
        assert proves(ada.elsewhere(), device).status == expected
        assert factor(ada).counter == (9 if expected == 303 else 8)


def test_a_locked_or_deactivated_user_gets_nowhere(ada: OwnAccount, site: Caller) -> None:
    device = enrolled(ada)
    users = table_of(User)
    for change in ({"active": False}, {"active": True, "locked_until": site.installation.clock.now_ms() + 60_000}):
        with site.installation.runtime.store.write() as work:
            work.run(update(users).where(users.c.id == ada.user_id).values(change))
        assert proves(ada.elsewhere(), device).status == 401


def test_an_enrolment_is_of_this_browser_and_counts_once(ada: OwnAccount, site: Caller) -> None:
    page = ada.enter("passkey")
    device = Authenticator(ORIGIN)
    for client in ({"origin": "https://localhost:8080"}, {"challenge": "AAAA"}, {"type": "webauthn.get"}):
        assert enrol(ada, device, page, **client).status == 401
    lazy = Authenticator(ORIGIN, verifies=False)
    assert enrol(ada, lazy, page).status == 401
    assert enrol(ada, device, page, discoverable=None).status == 303
    assert not factor(ada).discoverable, "a browser that says nothing of it has made none"
    again = enrol(ada, device)
    assert (again.status, "set up already" in again.body) == (409, True)
    grace = OwnAccount(site)
    grace.enter()
    assert enrol(grace, device).status == 409
    assert options(ada.open("passkey"))["excludeCredentials"][0]["id"]


def test_a_passkey_is_a_second_factor_after_a_password(ada: OwnAccount, site: Caller) -> None:
    device = enrolled(ada)
    made = site.installation
    with made.runtime.store.write() as work:
        MFA.replace(work, ada.runtime.tenant_id, mfa_pb2.MfaConfig(is_active=True), made.clock.now_ms())
    try:
        assert ada.open().status == 200, "making it has proved it"
        other = ada.elsewhere()
        page = other.prove(other.open())
        assert (page.status, page.hidden["step"], "Use your passkey" in page.body) == (200, "passkey_factor", True)
        assert options(page)["allowCredentials"][0]["id"] == json.loads(device.prove(options(page)))["id"]
        grace = OwnAccount(site)
        stolen = Authenticator(ORIGIN, user_handle=device.user_handle)
        for wrong in (stolen.prove(options(page)), device.prove(options(page), challenge="AAAA")):
            assert other.prove(page, "", credential=wrong).status == 401
        assert grace.runtime
        entered = other.prove(page, "", credential=device.prove(options(page)))
        assert (entered.status, other.follow(entered).status) == (303, 200)
        third = ada.elsewhere()
        assert third.follow(proves(third, device)).status == 200, "alone it is two factors"
    finally:
        with made.runtime.store.write() as work:
            MFA.replace(work, ada.runtime.tenant_id, mfa_pb2.MfaConfig(is_active=False), made.clock.now_ms())


def test_a_removed_passkey_is_none_and_one_of_somebody_else_is_like_none(ada: OwnAccount, site: Caller) -> None:
    device = enrolled(ada)
    listed = forms(ada.open(), "remove_factor")
    grace = OwnAccount(site)
    grace.enter()
    token = forms(grace.open("password"), "password")[0]["csrf_token"]
    foreign, unknown = (
        grace.post("remove_factor", csrf_token=token, id=id)
        for id in (listed[0]["id"], "00000000-0000-4000-8000-000000000000")
    )
    assert (foreign.status, foreign.body) == (404, unknown.body)
    before = len(ada.mails())
    assert ada.post("remove_factor", **listed[0]).status == 303
    assert (factor(ada), len(ada.mails())) == (None, before + 1)
    assert proves(ada.elsewhere(), device).status == 401


@pytest.mark.parametrize(
    ("url", "has"),
    [("https://id.example.com", True), ("http://localhost:8080", True), ("http://127.0.0.1:8080", False),
     ("https://[::1]", False), ("http://id.example.com", False), ("https://192.0.2.7", False)],
)  # fmt: skip
def test_browsers_have_passkeys_for_names_reached_by_tls(url: str, has: bool) -> None:
    assert (relying_party(url) is not None) == has
