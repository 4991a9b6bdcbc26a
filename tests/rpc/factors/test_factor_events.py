"""What the audit ledger says of second factors: enrolled, removed by whom, a recovery code used, a person locked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kit.accounts.openid import AppIssuer
from kit.accounts.own_account import OwnAccount
from kit.audited import audited
from kit.callers import Caller
from kit.second_factor import KEY, Factors, app_code, key_of, recovery_codes_of

from ostiary.directory.factors.factors import RECOVERY, TOTP
from ostiary.store.tables import UserEmail, table_of

SERVICE = "identity.appid.management.v4.MfaService"
OURS = ("factor.create", "factor.delete", "recovery-code.use", "user.lock")


@pytest.fixture
def mfa(shared_caller: Caller) -> Iterator[Factors]:
    """A user of a tenant that sends codes by mail and captures no runtime activity."""
    shared_caller.forget_tokens()  # the clock has gone on
    made = Factors(AppIssuer(shared_caller))
    made.require()
    yield made
    made.require(on=False)


def told(mfa: Factors, user_id: str = "") -> list[tuple[str, str, str]]:
    """Action, kind of the initiator and name of the target: what concerns the user as initiator or target, or its
    factors."""
    known = {user_id or mfa.issuer.user.id, *(factor.id for factor in mfa.enrolled())}
    rows = [row for row in audited(mfa.made, mfa.issuer.tenant_id) if row.action in OURS]
    assert all("@" not in f"{row.target_id}{row.target_name}" for row in rows), "ids only"
    return [
        (row.action, row.initiator_kind, row.target_name)
        for row in rows
        if {row.initiator_id, row.target_id} & known
    ]  # fmt: skip


def test_what_a_sign_in_enrols_and_uses_up_is_recorded_once(mfa: Factors) -> None:
    mfa.give(mfa.asked(), mfa.sent())
    mfa.give(mfa.asked(), mfa.sent())
    assert told(mfa) == [("factor.create", "user", "email")], "not by each use"
    other, emails = Factors(AppIssuer(mfa.issuer.caller)), table_of(UserEmail)
    page = other.asked()
    other.sent()
    with mfa.runtime.store.write() as work:
        work.run(emails.delete().where(emails.c.user_id == other.issuer.user.id))
    page = other.give(page, again="yes")
    shown = other.give(page, app_code(key_of(page), other.now_ms))
    enrolled = [("factor.create", "user", "totp"), ("factor.create", "user", "recovery")]
    assert told(other) == enrolled
    other.give(shown)
    with mfa.runtime.store.write() as work:
        row = {"tenant_id": other.issuer.tenant_id, "user_id": other.issuer.user.id, "position": 0, "is_primary": True}
        address = f"{other.issuer.user.name}@example.com"
        work.run(emails.insert().values(**row, value=address, value_key=address, verified=True, type="", display=""))
    page = other.give(other.asked(), go="recovery_code")
    assert other.give(page, recovery_codes_of(shown)[0]).status == 303
    assert told(other) == [*enrolled, ("recovery-code.use", "user", "")]


def test_a_lock_is_recorded_once_however_often_somebody_tries_on(mfa: Factors) -> None:
    mfa.enrol(TOTP, secret=KEY)
    page = mfa.asked()
    for _ in range(8):
        page = mfa.give(page, "000000")
        mfa.made.clock.advance(1)
    assert page.status == 429
    assert told(mfa) == [("user.lock", "user", "second_factor")]


def test_who_removes_a_factor_is_recorded_with_the_recovery_codes_that_go_along(mfa: Factors) -> None:
    user = mfa.issuer.user
    app, codes = mfa.enrol(TOTP, secret=KEY), mfa.enrol(RECOVERY)
    gone = {"tenantId": user.tenant_id, "userId": user.id, "factorId": app}
    mfa.issuer.caller.ask(f"{SERVICE}/RemoveUserFactor", gone)
    rows = {row.target_id: row for row in audited(mfa.made, user.tenant_id) if row.target_id in (app, codes)}
    assert {(row.action, row.initiator_kind, row.target_name) for row in rows.values()} == {
        ("factor.delete", "api_key", "totp"), ("factor.delete", "api_key", "recovery"),
    }  # fmt: skip
    mfa.require(on=False)
    ada = OwnAccount(mfa.issuer.caller)
    page = ada.enter("authenticator")
    answer = ada.send(page, "authenticator", name="Phone", code=app_code(key_of(page), mfa.now_ms))
    ada.send(ada.follow(answer), "remove_factor")
    assert told(mfa, ada.user_id) == [("factor.create", "user", "totp"), ("factor.delete", "user", "totp")]
