"""What people choose in a sign-in, a new password or new details: stored when every factor is proved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kit.accounts.hosted import NEW, Hosted
from kit.accounts.openid import AppIssuer
from kit.accounts.people import PASSWORD
from kit.browser import Seen
from kit.callers import Caller
from kit.oauth import Application
from kit.second_factor import Factors
from sqlalchemy import select, update

from ostiary.directory.passwords.stored import find_stored_password
from ostiary.directory.users.users import get_user
from ostiary.keys.sealing import SealedField
from ostiary.oauth.sessions.access_revocation import end_access_of_user
from ostiary.store.tables import Password, SignInTransaction, table_of

TWICE = {"new_password": NEW, "new_password_again": NEW}
ROWS = table_of(SignInTransaction)


class Chooser(Factors):
    """A person whose tenant asks for a code by mail, at the pages where something is chosen."""

    def __init__(self, caller: Caller) -> None:
        super().__init__(AppIssuer(caller))
        issuer = self.issuer
        self.hosted = Hosted(
            issuer.web.runtime, issuer.web, Application(issuer.tenant_id, issuer.party.id, issuer.party.secret)
        )  # type: ignore[arg-type]
        issuer.share()
        self.require()

    def chosen(self, flow: str) -> Seen:
        """The page after a choice: a password that is changed, one that has expired, details."""
        if flow == "change":
            page = self.hosted.open("ChangePassword", user_id=self.issuer.user.id)
            return self.hosted.send(page, password=PASSWORD, **TWICE)
        if flow == "renew":
            passwords = table_of(Password)
            with self.runtime.store.write() as work:
                ended = update(passwords).where(passwords.c.user_id == self.issuer.user.id)
                work.run(ended.values(valid_until=1, expires_always=True))
            expired = self.asked()
            assert expired.hidden["step"] == "renew_password"
            return self.hosted.send(expired, **TWICE)
        runtime, login = self.hosted.runtime, f"{self.issuer.user.name}@example.com"
        token = str(runtime.sign_in(self.hosted.app, login, password=PASSWORD)["access_token"])
        page = self.hosted.open("ChangeDetails", code=self.hosted.details_code(token))
        return self.hosted.send(page, display_name="Countess", phone="+442079460000")

    def stored(self) -> tuple[Any, ...]:
        """What could have changed."""
        with self.runtime.store.read() as work:
            user = get_user(work, self.issuer.tenant_id, self.issuer.user.id)
            password = find_stored_password(work, self.issuer.tenant_id, user.id)
        assert password is not None
        return password.hash, user.display_name, user.phones, user.access_epoch

    def state_of_rows(self) -> str:
        """Everything that rows of sign-ins keep, opened."""
        with self.runtime.store.read() as work:
            rows = work.rows(select(ROWS).where(ROWS.c.tenant_id == self.issuer.tenant_id))
        return "".join(
            self.runtime.sealing.open(row.sealed_state, SealedField(row.tenant_id, ROWS.name, row.id, "sealed_state"))
            .decode() for row in rows
        )  # fmt: skip


@pytest.fixture
def chooser(shared_caller: Caller) -> Iterator[Chooser]:
    shared_caller.forget_tokens()  # the clock has gone on
    made = Chooser(shared_caller)
    yield made
    made.hosted.settings()


@pytest.mark.parametrize("flow", ["change", "renew", "details"])
def test_what_is_chosen_is_stored_with_the_second_factor_and_not_before(chooser: Chooser, flow: str) -> None:
    before = chooser.stored()
    page = chooser.chosen(flow)
    assert (page.status, page.hidden["step"]) == (200, "mail_code")
    assert "chosen_" in chooser.state_of_rows()
    assert NEW not in chooser.state_of_rows(), "the hash of a password, never its text"
    code = chooser.sent()
    for step in ("store_password", "store_details", "renew_password", "change_password"):
        page = chooser.give(page, "000000" if code != "000000" else "000001", step=step)
        assert "location" not in page.headers
    assert chooser.stored() == before
    claims = chooser.claims(chooser.give(page, code))
    assert claims["amr"] == ["cloud_directory", "otp", "mfa"]
    assert chooser.stored() != before
    assert "chosen_" not in chooser.state_of_rows()
    if flow != "details":  # an application's code opens no other application
        assert "code" in chooser.issuer.another().authorize(prompt="none").sent_back, "this browser stays signed in"
        runtime, login = chooser.hosted.runtime, f"{chooser.issuer.user.name}@example.com"
        assert runtime.sign_in(chooser.hosted.app, login, password=NEW)["access_token"]


def test_of_two_tabs_the_first_that_proves_all_stores_its_password(chooser: Chooser) -> None:
    tabs = [(page := chooser.chosen("change"), chooser.sent())]
    page = chooser.hosted.open("ChangePassword", user_id=chooser.issuer.user.id)
    third = "third horse 3"
    page = chooser.hosted.send(page, password=PASSWORD, new_password=third, new_password_again=third)
    tabs.append((page, chooser.sent()))
    assert chooser.give(*tabs[1]).status == 303
    stored = chooser.stored()
    late = chooser.give(*tabs[0])
    assert (late.status, "location" in late.headers) == (400, False)
    assert chooser.stored() == stored


def end_access(one: Chooser) -> None:
    """As a password that is changed elsewhere does."""
    with one.runtime.store.write() as work:
        end_access_of_user(work, one.issuer.tenant_id, one.issuer.user.id, one.now_ms)


MEANWHILE: dict[str, Callable[[Chooser], object]] = {
    "the user is deactivated": lambda one: one.change_user(active=False),
    "the user is locked": lambda one: one.change_user(locked_until=one.now_ms + 60_000),
    "the access ends": end_access,
    "the sign-in expires": lambda one: one.made.clock.advance(1_800),
    "self-service is switched off": lambda one: one.hosted.settings(self_service_enabled=False),
}


@pytest.mark.parametrize("event", MEANWHILE)
def test_nothing_is_stored_where_something_has_happened_meanwhile(chooser: Chooser, event: str) -> None:
    page = chooser.chosen("change")
    code, before = chooser.sent(), chooser.stored()
    MEANWHILE[event](chooser)
    late = chooser.give(page, code)
    assert (late.status in (400, 403), "location" in late.headers) == (True, False)
    assert chooser.stored()[:3] == before[:3]
