"""The account that people look after themselves: who gets in, sessions, applications, password, details."""

from __future__ import annotations

import re

import pytest
from kit.accounts.own_account import OwnAccount, forms
from kit.browser import CALLBACK, Browser, Seen
from kit.callers import Caller
from kit.oauth import PASSWORD, refused
from pyotp import TOTP

from ostiary.mfa.settings import MFA
from ostiary_api.appid.management.v4 import mfa_pb2, tokens_pb2

NEW = "another horse 2"


@pytest.fixture
def ada(shared_caller: Caller) -> OwnAccount:
    return OwnAccount(shared_caller)


def asks(page: Seen) -> bool:
    return page.status == 200 and page.hidden.get("step") == "password"


def note(account: OwnAccount, answer: Seen) -> str:
    """What the account says after a change."""
    page = account.follow(answer)
    assert page.status == 200, page.body
    return page.body.partition('role="status">')[2].partition("<")[0]


def test_whoever_is_not_signed_in_signs_in_first_and_comes_back_to_the_page(ada: OwnAccount) -> None:
    page = ada.open("password")
    assert (asks(page), "Sign in to your account" in page.body) == (True, True)
    wrong = ada.prove(page, "wrong")
    assert (wrong.status, "incorrect" in wrong.body) == (400, True)
    back = ada.prove(wrong)
    assert (back.status, back.headers["location"].rpartition("/")[2]) == (303, "password")
    assert [line.partition("=")[0] for line in back.cookies][-1].startswith("ostiary_session_")
    shown = ada.follow(back)
    assert forms(shown, "password")[0].keys() == {"csrf_token"}
    policy = shown.headers["content-security-policy"]
    assert ("default-src 'none'" in policy, "form-action 'self'" in policy, "script" in policy) == (True, True, False)
    assert "frame-ancestors 'none'" in policy
    account = ada.open("no such page")
    assert (account.status, ada.email in account.body, "This browser" in account.body) == (200, True, True)


def test_a_change_needs_a_form_of_this_browser_and_a_sign_in_of_a_short_time_ago(ada: OwnAccount) -> None:
    page = ada.enter()
    for token in ("", "x", forms(ada.elsewhere().enter(), "end_other_sessions")[0]["csrf_token"]):
        answer = ada.post("end_other_sessions", csrf_token=token)
        assert (answer.status, "Open it again" in answer.body) == (403, True)
    stranger = ada.elsewhere()
    answer = stranger.post("end_other_sessions", **forms(ada.open(), "end_other_sessions")[0])
    assert (answer.status, asks(stranger.follow(answer))) == (303, True)
    ada.after(601)
    assert ada.open().status == 200, "reading needs no new proof"
    assert asks(ada.open("details"))
    page = ada.open()
    stale = ada.send(page, "end_other_sessions")
    again = ada.follow(stale)
    assert (asks(again), f'value="{ada.email}"' in again.body) == (True, True)
    assert "You have signed in again" in ada.follow(ada.prove(again)).body or ada.open(recent="1").status == 200
    assert note(ada, ada.send(ada.open(), "end_other_sessions")) == "All other sessions have ended."
    assert asks(stranger.open())


def test_sessions_are_listed_and_ended_and_one_of_somebody_else_is_like_none(
    ada: OwnAccount, shared_caller: Caller
) -> None:
    ada.enter()
    phone, office = ada.elsewhere(), ada.elsewhere()
    phone.enter()
    office.enter()
    listed = forms(ada.open(), "end_session")
    assert len(listed) == 2
    grace = OwnAccount(shared_caller)
    page = grace.enter()
    foreign, unknown = (
        grace.post("end_session", csrf_token=forms(ada_like(grace), "password")[0]["csrf_token"], id=id)
        for id in (listed[0]["id"], "00000000-0000-4000-8000-000000000000")
    )
    assert page.status == 200
    assert (foreign.status, foreign.body, foreign.headers) == (404, unknown.body, unknown.headers)
    assert "There is no such session any more." in foreign.body
    assert note(ada, ada.post("end_session", **listed[0])) == "The session has ended."
    assert sorted([asks(phone.open()), asks(office.open())]) == [False, True]
    assert ada.post("end_session", **listed[0]).status == 404
    assert note(ada, ada.send(ada.open(), "end_other_sessions")) == "All other sessions have ended."
    assert (asks(phone.open()), asks(office.open()), ada.open().status) == (True, True, 200)


def ada_like(account: OwnAccount) -> Seen:
    return account.open("password")


def test_applications_with_access_are_listed_and_lose_it(ada: OwnAccount, shared_caller: Caller) -> None:
    runtime = ada.runtime
    runtime.settings(refresh=tokens_pb2.RefreshTokenConfig(enabled=True))
    app, other = runtime.application("Calendar"), runtime.application("Notes")
    held = [runtime.sign_in(one, ada.email) for one in (app, app, other)]
    page = ada.enter()
    assert (page.body.count("Calendar"), page.body.count("Notes")) == (1, 1)
    listed = forms(page, "revoke_application")
    assert len(listed) == 2
    grace = OwnAccount(shared_caller)
    grace.enter()
    token = forms(grace.open("password"), "password")[0]["csrf_token"]
    assert grace.post("revoke_application", csrf_token=token, id=listed[0]["id"]).status == 404
    calendar = listed[0] if page.body.index("Calendar") < page.body.index("Notes") else listed[1]
    assert note(ada, ada.post("revoke_application", **calendar)) == "The application has no access any more."
    assert "Calendar" not in ada.open().body
    for tokens in held[:2]:
        with refused("invalid_grant"):
            runtime.refresh(app, tokens["refresh_token"])
    assert runtime.refresh(other, held[2]["refresh_token"])["access_token"]


def test_a_password_is_changed_by_the_old_one_and_ends_everything_but_this_browser(ada: OwnAccount) -> None:
    ada.enter()
    other = ada.elsewhere()
    other.enter()
    page = ada.open("password")
    twice = {"new_password": NEW, "new_password_again": NEW}
    wrong = ada.send(page, "password", password="wrong", **twice)
    assert (wrong.status, "current password" in wrong.body) == (400, True)
    assert ada.send(page, "password", password=PASSWORD, new_password=NEW, new_password_again="x").status == 400
    assert "strength" in ada.send(page, "password", password=PASSWORD, new_password="x", new_password_again="x").body
    before = dict(ada.cookies)
    said = note(ada, ada.send(page, "password", password=PASSWORD, **twice))
    assert said == "Your password is changed. You are signed out everywhere else."
    assert (ada.cookies == before, ada.open().status, asks(other.open())) == (False, 200, True)
    assert other.prove(other.open()).status == 400
    assert other.prove(other.open(), NEW).status == 303
    assert len(ada.mails()) == 1, "who has the address is told"


def test_details_are_changed(ada: OwnAccount) -> None:
    page = ada.enter("details")
    assert 'value="Ada Lovelace"' in page.body
    long = ada.send(page, "details", given_name="A", family_name="x" * 2000)
    assert (long.status, 'value="A"' in long.body) == (400, True)
    details = {"given_name": "Ada", "family_name": "King", "display_name": "Countess", "phone": "+44 20 7946 0000"}
    assert note(ada, ada.send(page, "details", **details)) == "Your details are saved."
    assert all(part in ada.open().body for part in ("Ada King", "Countess", "+44 20 7946 0000"))


def test_a_change_that_is_not_known_changes_nothing(ada: OwnAccount) -> None:
    ada.enter()
    token = forms(ada.open("password"), "password")[0]["csrf_token"]
    assert ada.post("everything", csrf_token=token).status == 404


def test_a_sign_in_elsewhere_opens_the_account_only_where_the_tenant_has_single_sign_on(
    ada: OwnAccount, shared_caller: Caller
) -> None:
    browser = Browser(ada.runtime, ada.cookies)
    browser.register(CALLBACK)
    app = ada.runtime.application()
    assert browser.submit(browser.authorize(app), ada.email).sent_back["code"]
    assert asks(ada.open())
    ada.enter()
    assert browser.authorize(app).hidden["step"] == "password", "the account opens no application"
    assert browser.submit(browser.authorize(app), ada.email).sent_back["code"]
    assert ada.open().status == 200, "and an application does not end the account"
    assert not asks(ada.open())


def test_a_session_does_not_suffice_once_the_tenant_asks_for_more(ada: OwnAccount) -> None:
    ada.enter()
    made = ada.caller.installation
    with made.runtime.store.write() as work:
        MFA.replace(work, ada.runtime.tenant_id, mfa_pb2.MfaConfig(is_active=True), made.clock.now_ms())
    try:
        page = ada.open()
        assert "This browser" not in page.body
    finally:
        with made.runtime.store.write() as work:
            MFA.replace(work, ada.runtime.tenant_id, mfa_pb2.MfaConfig(is_active=False), made.clock.now_ms())


def test_an_authenticator_app_is_set_up_by_its_first_code_and_asked_for_from_then_on(ada: OwnAccount) -> None:
    page = ada.enter("authenticator")
    secret = re.findall(r"secret=([A-Z2-7]{32})", page.body)[0]
    now = ada.caller.installation.clock.now_ms() // 1000
    wrong = ada.send(page, "authenticator", name="Telephone", code="000000")
    assert (wrong.status, secret in wrong.body) == (401, True)
    other = ada.elsewhere()
    other.enter()
    planted = {**forms(other.open("authenticator"), "authenticator")[0], "name": "x", "code": TOTP(secret).at(now)}
    assert ada.post("authenticator", **{**planted, **_token(ada)}).status == 403, "the key of another session"
    done = ada.send(wrong, "authenticator", name="Telephone", code=TOTP(secret).at(now))
    assert "Telephone" in ada.follow(done).body, "setting it up has proved it"
    asked = other.open()
    assert asked.status == 200
    assert "This browser" not in asked.body, "a session that has proved a password alone is not enough any more"
    assert len(ada.mails()) == 1
    ada.post("remove_factor", **forms(ada.open(), "remove_factor")[0])
    assert (other.open().status, len(ada.mails())) == (200, 2)


def _token(account: OwnAccount) -> dict[str, str]:
    return {"csrf_token": forms(account.open("password"), "password")[0]["csrf_token"]}
