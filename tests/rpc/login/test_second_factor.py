"""Second factors of a sign-in, at both issuers: what is asked for, what counts, and that nothing counts twice."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import pytest
from kit.accounts.openid import AppIssuer, Issuer, PlatformIssuer
from kit.callers import Caller, refusal
from kit.second_factor import KEY, Factors, app_code, key_of, recovery_codes_of
from sqlalchemy import insert, select

from ostiary.directory.factors.factors import EMAIL, PASSKEY, RECOVERY, SMS, TOTP, remove_factor
from ostiary.directory.factors.recovery_codes import new_recovery_codes
from ostiary.ids import SystemEntropy
from ostiary.store.tables import AuthorizationCode, UserEmail, UserPhone, table_of

MFA_ACR = "https://refeds.org/profile/mfa"


@pytest.fixture
def mfa(shared_caller: Caller) -> Iterator[Factors]:
    """A user at App ID's issuer, of a tenant that sends codes by mail."""
    shared_caller.forget_tokens()  # the clock has gone on
    made = Factors(AppIssuer(shared_caller))
    made.require()
    yield made
    made.require(on=False)


@pytest.fixture(params=[AppIssuer, PlatformIssuer], ids=["appid", "oidc"])
def anywhere(request: pytest.FixtureRequest, shared_caller: Caller) -> Iterator[Factors]:
    """The same at either issuer, where a session opens the next application."""
    issuer: Issuer = request.param(shared_caller)
    issuer.share()
    made = Factors(issuer)
    made.require()
    yield made
    made.require(on=False)
    issuer.share(on=False)


def phone(mfa: Factors, number: str) -> None:
    row = {"tenant_id": mfa.issuer.tenant_id, "user_id": mfa.issuer.user.id, "position": 0, "value": number}
    with mfa.runtime.store.write() as work:
        work.run(insert(table_of(UserPhone)).values(**row, value_key=number, is_primary=True, type="", display=""))


def without_address(mfa: Factors) -> None:
    emails = table_of(UserEmail)
    with mfa.runtime.store.write() as work:
        work.run(emails.delete().where(emails.c.user_id == mfa.issuer.user.id))


def test_a_code_by_mail_is_asked_for_and_confirms_the_address(anywhere: Factors) -> None:
    mfa = anywhere
    mfa.change_user(email_verified=False)
    page = mfa.asked(acr_values="x")
    assert (page.status, page.hidden["step"]) == (200, "mail_code")
    assert "v•••@example.com" in page.body
    assert 'autocomplete="one-time-code"' in page.body
    code = mfa.sent()
    assert (len(code), code in page.body) == (6, False)
    claims = mfa.claims(mfa.give(page, f" {code[:3]}-{code[3:]} "))
    assert claims["amr"][1:] == ["otp", "mfa"]
    assert claims["acr"] == MFA_ACR
    assert [(factor.kind, factor.target) for factor in mfa.enrolled()] == [
        (EMAIL, f"{mfa.issuer.user.name}@example.com")
    ]
    assert mfa.user().email_verified
    silent = mfa.issuer.another().authorize(prompt="none", scope="openid")
    assert "code" in silent.sent_back, "the session has both factors"


def test_a_session_of_one_factor_is_not_enough_when_two_are_required(anywhere: Factors) -> None:
    mfa = anywhere
    mfa.require(on=False)
    assert mfa.claims(mfa.asked())["amr"][1:] == []
    mfa.require()
    assert mfa.issuer.authorize(prompt="none").sent_back["error"] == "login_required"
    assert not mfa.messages(), "nobody is sent anything by a request that may ask nobody"
    page = mfa.issuer.authorize(scope="openid")
    assert page.hidden["step"] == "mail_code", "no password"
    assert mfa.claims(mfa.give(page, mfa.sent()))["amr"][1:] == ["otp", "mfa"]


def test_a_code_is_good_for_five_tries_a_quarter_of_an_hour_and_one_sign_in(mfa: Factors) -> None:
    page = mfa.asked()
    mfa.sent()
    other = mfa.issuer.elsewhere()
    mixed = Factors(other).asked()
    code = mfa.sent()
    assert mfa.give(page, code).status == 401, "the code of another sign-in of the same person"
    again = Factors(other).give(mixed, again="yes")
    assert (again.status, "A new code was sent." in again.body) == (200, True)
    fresh = mfa.sent()
    mfa.made.clock.advance(900)
    expired = Factors(other).give(again, fresh)
    assert (expired.status, "not valid any more" in expired.body) == (400, True)


def test_five_wrong_codes_lock_the_user_everywhere_and_an_administrator_unlocks(mfa: Factors) -> None:
    page = mfa.asked()
    code = mfa.sent()
    wrong = f"{(int(code) + 1) % 10**6:06}"
    for _ in range(4):
        page = mfa.give(page, wrong)
        assert (page.status, page.hidden["step"]) == (401, "mail_code")
    assert mfa.give(page, code).status == 303, "the fifth"
    page = mfa.asked()
    code = mfa.sent()
    for _ in range(5):
        page = mfa.give(page, wrong)
    burnt = mfa.give(page, code)
    assert (burnt.status, "locked" in burnt.body) == (429, True)
    assert mfa.user().locked_until > mfa.now_ms
    assert mfa.asked().status == 400, "the right password is refused, too"
    unlock(mfa)
    page = mfa.asked()
    assert mfa.give(page, mfa.sent()).status == 303


def unlock(mfa: Factors) -> None:
    user = mfa.issuer.user
    mfa.issuer.caller.ask(
        "identity.appid.management.v4.CloudDirectoryUsersService/UpdateCloudDirectoryUser",
        {"tenantId": user.tenant_id, "userId": user.id,
         "user": {"active": True, "emails": [{"value": f"{user.name}@example.com", "primary": True}]}},
    )  # fmt: skip


def test_of_many_guesses_at_once_five_are_compared(mfa: Factors) -> None:
    mfa.enrol(TOTP, secret=KEY)
    page = mfa.asked()
    far = [app_code(KEY, mfa.now_ms, steps) for steps in range(100, 112)]

    def guess(code: str) -> int:
        twin = mfa.issuer.elsewhere()
        twin.cookies = dict(mfa.issuer.cookies)
        return Factors(twin).give(page, code).status

    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(guess, far))
    assert sorted(answers) == [401] * 5 + [429] * 7


def test_an_authenticator_app_comes_first_and_each_step_counts_once(mfa: Factors) -> None:
    mfa.require(on=False)
    mfa.enrol(TOTP, secret=KEY)
    page = mfa.asked()
    assert page.hidden["step"] == "authenticator", "whoever has one is asked, whether or not the tenant requires it"
    assert "mail_code" not in page.body, "nothing weaker is offered where the tenant does not send codes"
    assert mfa.give(page, app_code(KEY, mfa.now_ms, 2)).status == 401
    drifted = app_code(KEY, mfa.now_ms, 1)
    assert mfa.claims(mfa.give(page, drifted))["amr"] == ["cloud_directory", "otp", "mfa"]
    for used in (drifted, app_code(KEY, mfa.now_ms)):
        seen = mfa.give(mfa.asked(), used)
        assert (seen.status, "used already" in seen.body) == (401, True)
    assert not mfa.messages()
    mfa.require()
    page = mfa.asked()
    page = mfa.give(page, go="mail_code")
    assert page.hidden["step"] == "mail_code"
    assert mfa.give(page, mfa.sent()).status == 303


def test_of_one_app_code_in_two_sign_ins_at_once_one_leads_on(mfa: Factors) -> None:
    mfa.enrol(TOTP, secret=KEY)
    tabs = [Factors(mfa.issuer.elsewhere()) for _ in range(4)]
    pages = [(tab, tab.asked()) for tab in tabs]
    code = app_code(KEY, mfa.now_ms)
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda tab: tab[0].give(tab[1], code).status, pages))
    assert sorted(answers) == [303, 401, 401, 401]


def test_a_recovery_code_stands_for_a_lost_app_once(mfa: Factors) -> None:
    mfa.require(on=False)
    mfa.enrol(TOTP, secret=KEY)
    user = mfa.issuer.user
    with mfa.runtime.store.write() as work:
        _, codes = new_recovery_codes(work, mfa.runtime.sealing, user.tenant_id, user.id, SystemEntropy(), mfa.now_ms)
    assert len(set(codes)) == 10
    page = mfa.give(mfa.asked(), go="recovery_code")
    assert page.hidden["step"] == "recovery_code"
    assert mfa.give(page, codes[0][:-1]).status == 401
    typed = codes[0].upper().replace("-", " ")
    assert mfa.claims(mfa.give(page, typed))["amr"] == ["cloud_directory", "otp", "mfa"]
    assert mfa.give(mfa.give(mfa.asked(), go="recovery_code"), codes[0]).status == 401
    assert codes[1] not in next(factor.sealed_secret for factor in mfa.enrolled() if factor.kind == RECOVERY)


def test_whoever_has_nothing_enrols_an_app_and_gets_recovery_codes_once(mfa: Factors) -> None:
    mfa.change_user(user_name="nobody", user_name_key="nobody")
    first = mfa.issuer.authorize(scope="openid")
    page = mfa.issuer.submit(first)
    assert page.hidden["step"] == "mail_code", "an address is there"
    mfa.sent()
    without_address(mfa)
    page = mfa.give(page, again="yes")
    assert page.hidden["step"] == "enrol_app"
    key = key_of(page)
    assert (len(key), "<svg" in page.body, "<script" in page.body) == (32, True, False)
    page = mfa.give(page, "000000" if app_code(key, mfa.now_ms) != "000000" else "000001")
    assert (page.status, key_of(page)) == (401, key)
    shown = mfa.give(page, app_code(key, mfa.now_ms))
    codes = recovery_codes_of(shown)
    assert (shown.hidden["step"], len(codes)) == ("show_recovery_codes", 10)
    assert mfa.claims(mfa.give(shown))["amr"] == ["cloud_directory", "otp", "mfa"]
    assert {factor.kind for factor in mfa.enrolled()} == {TOTP, RECOVERY}


def test_nobody_enrols_by_a_password_alone_who_could_be_asked(mfa: Factors) -> None:
    for step in ("enrol_app", "show_recovery_codes", "sms_code", "recovery_code", "authenticator", "premfa"):
        page = mfa.asked()
        assert page.hidden["step"] == "mail_code"
        answer = mfa.give(page, "123456", step=step, number="+14155550199")
        assert (answer.status, answer.hidden["step"]) == (401, "mail_code")
        mfa.made.clock.advance(1_000)
        mfa.sent()
        page = mfa.give(answer, go=step)
        assert page.hidden["step"] == "mail_code"
        mfa.give(page, again="yes")
        mfa.give(mfa.asked(), mfa.sent(2))
        mfa.made.clock.advance(1_000)
    assert {factor.kind for factor in mfa.enrolled()} == {EMAIL}


def test_text_messages_go_to_the_number_that_has_proved_itself(mfa: Factors) -> None:
    mfa.require(sms=True)
    phone(mfa, "+1 415 555 0123")
    page = mfa.asked(ui_locales="de")
    assert page.hidden["step"] == "sms_code"
    (message,) = mfa.messages()
    assert (message.channel, message.target) == ("sms", "+14155550123")
    assert "0123" not in page.body
    assert "123" in page.body
    assert mfa.claims(mfa.give(page, mfa.sent()))["amr"] == ["cloud_directory", "sms", "mfa"]
    with mfa.runtime.store.write() as work:
        phones = table_of(UserPhone)
        work.run(phones.update().where(phones.c.user_id == mfa.issuer.user.id).values(value="+14155550999"))
    mfa.asked()
    assert [message.target for message in mfa.messages()] == ["+14155550123"]
    mfa.sent()


def test_a_number_is_asked_for_where_there_is_none_and_only_then(mfa: Factors) -> None:
    mfa.require(sms=True)
    page = mfa.asked()
    assert (page.hidden["step"], 'autocomplete="tel"' in page.body) == ("sms_code", True)
    assert not mfa.messages()
    page = mfa.give(page, number="555")
    assert (page.status, "code of the country" in page.body) == (400, True)
    page = mfa.give(page, number="+1 415 555 0188")
    code = mfa.sent()
    id = mfa.enrol(PASSKEY)
    closed = mfa.give(page, code).sent_back
    assert closed["error"] == "access_denied", "a factor was enrolled meanwhile: the number is worth nothing"
    with mfa.runtime.store.write() as work:
        remove_factor(work, mfa.issuer.tenant_id, mfa.issuer.user.id, id)
    page = mfa.give(mfa.asked(), number="+1 415 555 0188")
    assert mfa.give(page, mfa.sent()).status == 303
    assert [(factor.kind, factor.target) for factor in mfa.enrolled()] == [(SMS, "+14155550188")]


def test_messages_of_one_sign_in_are_capped(mfa: Factors) -> None:
    page = mfa.asked()
    for _ in range(9):
        page = mfa.give(page, again="yes")
        assert page.status == 200
    page = mfa.give(page, again="yes")
    assert (page.status, page.hidden["step"], "Too many messages" in page.body) == (429, "mail_code", True)
    page = mfa.give(page, mfa.sent(10))
    assert page.status == 303, "what was sent before is good"
    seen = mfa.asked()
    assert ("Too many messages" in seen.body, seen.hidden["step"]) == (True, "mail_code")


STEPS = ("authenticator", "mail_code", "sms_code", "recovery_code", "enrol_app", "show_recovery_codes", "premfa",
         "session", "password", "sign_up", "pending", "renew_password", "change_details",
         "store_password", "")  # fmt: skip


def codes_of(mfa: Factors) -> int:
    codes = table_of(AuthorizationCode)
    with mfa.runtime.store.read() as work:
        return len(work.rows(select(codes).where(codes.c.user_id == mfa.issuer.user.id)))


def test_no_pair_of_steps_after_the_password_leads_to_a_code(mfa: Factors) -> None:
    """Each step by its name, and each other one chosen at the same time, from the page and from another tab."""
    mfa.enrol(TOTP, secret=KEY)
    page, tab = mfa.asked(), Factors(mfa.issuer.elsewhere())
    other = tab.asked()
    for one, two in product(STEPS, STEPS):
        for where, shown in ((mfa, page), (tab, other)):
            answer = where.give(shown, step=one, go=two, number="+14155550100", again="")
            assert (answer.status < 500, "location" in answer.headers) == (True, False), (one, two, answer.body)
            if answer.hidden:
                page, other = (answer, other) if where is mfa else (page, answer)
    assert codes_of(mfa) == 0
    assert {factor.kind for factor in mfa.enrolled()} == {TOTP}


def test_whoever_knows_the_password_alone_gets_no_code_by_any_order_of_forms(mfa: Factors) -> None:
    """Whatever was ever seen is sent again, as whichever step, with whatever a thief could think of."""
    mfa.enrol(TOTP, secret=KEY)
    chance, seen = random.Random(1), []
    for _ in range(60):
        mfa.made.clock.advance(50)
        if not seen or chance.random() < 0.15:
            twin = mfa.issuer.elsewhere()
            seen += [(twin, page := twin.authorize(scope="openid")), (twin, twin.submit(page))]
        browser, page = chance.choice(seen)
        fields = chance.choice(({}, {"code": "000000"}, {"again": "yes"}, {"number": "+14155550100"}))
        choice = chance.choice(({}, {"step": chance.choice(STEPS)}, {"go": chance.choice(STEPS)}))
        answer = browser.web.submit(page, **fields, **choice)
        assert answer.status in (200, 400, 401, 403, 429), answer.body
        if answer.hidden:
            seen.append((browser, answer))
        if mfa.user().locked_until:
            unlock(mfa)
    assert codes_of(mfa) == 0
    assert {factor.kind for factor in mfa.enrolled()} == {TOTP}


def test_an_administrator_sees_and_removes_the_factors_of_a_user(mfa: Factors) -> None:
    service, user = "identity.appid.management.v4.MfaService", mfa.issuer.user
    named = {"tenantId": user.tenant_id, "userId": user.id}
    mfa.require(on=False)
    app, codes = mfa.enrol(TOTP, secret=KEY), mfa.enrol(RECOVERY)
    listed = mfa.issuer.caller.ask(f"{service}/ListUserFactors", named, "reader")["factors"]
    assert {(factor["id"], factor["kind"]) for factor in listed} == {(app, "totp"), (codes, "recovery")}
    assert KEY not in str(listed)
    gone = {**named, "factorId": app}
    mfa.issuer.caller.ask(f"{service}/RemoveUserFactor", gone)
    assert mfa.issuer.caller.ask(f"{service}/ListUserFactors", named, "reader") == {"factors": []}
    assert refusal(lambda: mfa.issuer.caller.ask(f"{service}/RemoveUserFactor", gone))[1] == "FACTOR_NOT_FOUND"
    assert mfa.claims(mfa.asked())["amr"] == ["cloud_directory"]
