"""Change of the mail address at the own account: by a code that was sent to the new one."""

from __future__ import annotations

import re

import pytest
from kit.accounts.hosted import Hosted
from kit.accounts.own_account import OwnAccount, forms
from kit.audited import audited
from kit.browser import Browser, Seen
from kit.callers import Caller
from kit.oauth import refused
from sqlalchemy import select, update

from ostiary.delivery.outbox import code_place
from ostiary.directory.users.users import UserView, get_user
from ostiary.store.tables import Message, Session, table_of

OUTBOX, SESSIONS = table_of(Message), table_of(Session)


@pytest.fixture
def ada(shared_caller: Caller) -> OwnAccount:
    shared_caller.forget_tokens()  # the clock has gone on
    account = OwnAccount(shared_caller)
    account.enter()
    return account


def asked(account: OwnAccount, address: str) -> Seen:
    return account.send(account.open("email"), "email_code", email=address)


def sent(account: OwnAccount, address: str) -> str:
    """The code that waits for this address; empty if none does."""
    runtime = account.caller.installation.runtime
    with runtime.store.write() as work:
        rows = work.rows(select(OUTBOX).where(OUTBOX.c.target == address, OUTBOX.c.sealed_code != ""))
        work.run(update(OUTBOX).where(OUTBOX.c.target == address).values(sealed_code="", state="sent"))
    places = [(row.sealed_code, code_place(row.tenant_id, row.id)) for row in rows]
    return "".join(runtime.sealing.open(*place).decode() for place in places)


def user(account: OwnAccount) -> UserView:
    with account.caller.installation.runtime.store.read() as work:
        return get_user(work, account.runtime.tenant_id, account.user_id)


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06}"


def test_the_new_address_takes_the_place_of_the_old_one_with_the_code_that_was_sent_there(ada: OwnAccount) -> None:
    old, new = ada.email, f"new.{ada.email}"
    bad = asked(ada, "nonsense")
    assert (bad.status, 'value="nonsense"' in bad.body, "has the form name@example.com" in bad.body) == (
        400,
        True,
        True,
    )
    page = asked(ada, new)
    code = sent(ada, new)
    assert (page.status, new in page.body, code in page.body, len(code)) == (200, True, False, 6)
    assert 'autocomplete="one-time-code"' in page.body
    again = ada.send(page, "email", code=wrong(code))
    assert (again.status, "The code is wrong" in again.body, user(ada).email) == (401, True, old)
    done = ada.send(again, "email", code=f"{code[:3]} {code[3:]}")
    assert "Your email address is changed." in ada.follow(done).body
    assert (user(ada).email, user(ada).email_verified) == (new, True)
    assert ada.send(page, "email", code=code).status == 401, "it counts once"
    assert any("email address" in mail for mail in ada.mails()), "a mail to the old address"
    app = ada.runtime.application()
    with refused("invalid_grant"):
        ada.runtime.sign_in(app, old)
    assert ada.runtime.sign_in(app, new)["access_token"]
    told = [row.target_name for row in audited(ada.caller.installation) if row.target_id == ada.user_id]
    assert told.count("email") == 1
    assert told.count("email_code") == 1


def test_an_address_of_somebody_else_is_answered_alike_and_gets_no_mail(ada: OwnAccount) -> None:
    ben = OwnAccount(ada.caller)
    taken, free = asked(ada, ben.email), asked(ada, f"free.{ben.email}")
    shapes = [re.sub(r"(value|<bdi>)[^<>]*", r"\1", page.body) for page in (taken, free)]
    assert (taken.status, shapes[0]) == (free.status, shapes[1])
    assert (sent(ada, ben.email), len(sent(ada, f"free.{ben.email}"))) == ("", 6)
    assert ada.send(taken, "email", code="000000").status == 401


def test_a_code_is_good_for_one_session_for_a_while_and_for_few_tries(ada: OwnAccount) -> None:
    new = f"new.{ada.email}"
    page = asked(ada, new)
    code = sent(ada, new)
    stranger = ada.elsewhere()
    theirs = forms(stranger.enter("email"), "email_code")[0]
    stolen = stranger.post("email", **{**forms(page, "email")[0], **theirs}, code=code)
    assert (stolen.status, "Open it again" in stolen.body) == (403, True)
    first = ada.open("email")
    ada.after(601)
    assert ada.send(first, "email_code", email=new).headers["location"].endswith("/email"), "sign in again first"
    assert ada.open("email").hidden["step"] == "password"
    with ada.caller.installation.runtime.store.write() as work:  # as at a tenant with single sign-on
        work.run(update(SESSIONS).where(SESSIONS.c.user_id == ada.user_id).values(idle_s=86_400))
    ada.after(300)
    late = ada.send(page, "email", code=code)
    assert (late.status, "not valid any more" in late.body, 'name="email"' in late.body) == (400, True, True)
    hosted = Hosted(ada.runtime, Browser(ada.runtime), ada.runtime.application())
    eve = ada.elsewhere()
    page = asked_by(eve, new)
    code = sent(ada, new)
    hosted.settings(self_service_enabled=False)
    assert eve.send(page, "email", code=code).status == 403
    hosted.settings()
    statuses = [eve.send(page, "email", code=wrong(code)).status for _ in range(6)]
    assert statuses == [401] * 5 + [429]
    assert eve.open().hidden["step"] == "password", "the user is locked"
    assert user(ada).email == ada.email


def asked_by(account: OwnAccount, address: str) -> Seen:
    return account.send(account.enter("email"), "email_code", email=address)
