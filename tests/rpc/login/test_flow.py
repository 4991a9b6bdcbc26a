"""A sign-in of several steps: it advances one step at a time, once, and by nothing that the browser says."""

from __future__ import annotations

import copy
import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from kit.browser import CALLBACK, Browser, Seen, redeem
from kit.callers import serving
from kit.oauth import Application, Runtime, refused
from kit.servers.installation import Installation
from kit.steps import PIN, stepped
from sqlalchemy import delete, select

from ostiary.background.cleaner import KEPT_MS, clean
from ostiary.mfa.settings import MFA
from ostiary.oauth.authorize.transactions import LIFETIME_S
from ostiary.oauth.sessions.access_revocation import end_access_of_user
from ostiary.store.tables import AuthorizationCode, SignInTransaction, UsedOnce, table_of
from ostiary_api.appid.management.v4.mfa_pb2 import MfaConfig

# They name tenants, or count what an installation has.
pytestmark = pytest.mark.own_installation

ROWS, CODES, USED = table_of(SignInTransaction), table_of(AuthorizationCode), table_of(UsedOnce)


@pytest.fixture
def runtime(installation: Installation) -> Iterator[Runtime]:
    """A server whose sign-in has more steps than ours, at a tenant that asks for a second factor."""
    with serving(installation, stepped()) as caller:
        made = Runtime(caller)
        second_factor(made, on=True)
        yield made


def second_factor(runtime: Runtime, *, on: bool) -> None:
    with runtime.made.runtime.store.write() as work:
        MFA.replace(work, runtime.tenant_id, MfaConfig(is_active=on), runtime.made.clock.now_ms())


def rows(runtime: Runtime, table: Any = ROWS) -> list[Any]:
    with runtime.made.runtime.store.read() as work:
        return list(work.rows(select(table)))


def another(browser: Browser) -> Browser:
    """The same browser as it is now: its cookies are kept, whatever the other one receives."""
    twin = copy.copy(browser)
    twin.cookies = dict(browser.cookies)
    return twin


def pin_page(browser: Browser, app: Application, **parameters: str) -> Seen:
    """The page of the second step."""
    page = browser.submit(browser.authorize(app, **parameters))
    assert (page.status, page.hidden["step"]) == (200, "pin")
    return page


def is_over(seen: Seen) -> bool:
    return seen.status == 400 and "over or took too long" in seen.body


def test_two_factors_lead_to_one_code_and_the_row_goes(runtime: Runtime, browser: Browser, app: Application) -> None:
    page = pin_page(browser, app, acr_values="x")
    (row,) = rows(runtime)
    assert row.expires_at > runtime.made.clock.now_ms()
    assert CALLBACK not in row.sealed_state
    assert not rows(runtime, CODES)
    done = browser.submit(page, pin=PIN)
    claims = runtime.verified(str(redeem(runtime, app, done.sent_back["code"])["id_token"]))[1]
    assert (claims["amr"], claims["sub"]) == (["cloud_directory", "otp", "mfa"], row.subject)
    assert claims["acr"] == "https://refeds.org/profile/mfa"
    assert (rows(runtime), len(rows(runtime, USED))) == ([], 1)
    assert browser.cookies == dict.fromkeys(browser.cookies, ""), "no cookie of any step stays"


def test_nothing_is_stored_for_whoever_has_proved_nothing(runtime: Runtime, browser: Browser, app: Application) -> None:
    terms = browser.authorize(app, nonce="terms")
    assert terms.hidden["step"] == "terms"
    password = browser.submit(terms)
    assert password.hidden["step"] == "password"
    browser.submit(password, password="wrong")
    assert (rows(runtime), rows(runtime, USED)) == ([], [])
    assert browser.submit(browser.submit(password), pin=PIN).sent_back["code"]


def test_a_step_cannot_be_skipped_or_chosen_before_its_turn(
    runtime: Runtime, browser: Browser, app: Application
) -> None:
    terms = browser.authorize(app, nonce="terms")
    for step in ("password", "pin", "key", "anonymous", "sent", "x", ""):
        seen = another(browser).submit(terms, step=step, pin=PIN, key="right")
        assert seen.hidden["step"] == "password", "the terms, and no more"
    page = browser.authorize(app)
    for step in ("pin", "key", "sent", "anonymous", "terms"):
        seen = browser.submit(page, step=step, pin=PIN, key="right", password="wrong")
        assert (seen.status, seen.hidden["step"]) == (400, "password")
    assert not rows(runtime, CODES)


def test_the_person_chooses_among_steps_that_meet_the_same_need(
    runtime: Runtime, browser: Browser, app: Application
) -> None:
    page = pin_page(browser, app)
    for step in ("password", "terms", "x"):
        assert browser.submit(page, step=step, key="right").status == 401
        page = pin_page(browser, app)
    wrong = browser.submit(page, step="key", key="wrong")
    assert (wrong.status, wrong.hidden["step"]) == (401, "key")
    code = browser.submit(wrong, key="right").sent_back["code"]
    assert runtime.verified(str(redeem(runtime, app, code)["id_token"]))[1]["amr"] == ["cloud_directory", "mfa"]


def test_a_step_may_show_another_form_of_its_own(runtime: Runtime, browser: Browser, app: Application) -> None:
    first = pin_page(browser, app)
    waiting = another(browser)
    second = browser.submit(first, again="0815")
    assert (second.status, second.hidden["step"], "wrong" in second.body) == (200, "pin", False)
    assert is_over(waiting.submit(first, pin=PIN))
    assert browser.submit(second, pin="0815").sent_back["code"]


def test_a_step_that_asks_nobody_meets_its_need_or_leaves_it_to_others(
    runtime: Runtime, browser: Browser, app: Application
) -> None:
    page = browser.authorize(app, nonce="trusted")
    assert page.hidden["step"] == "password", "no session was found"
    code = browser.submit(page).sent_back["code"]
    assert runtime.verified(str(redeem(runtime, app, code)["id_token"]))[1]["amr"] == ["cloud_directory"]
    assert browser.authorize(app, prompt="none").sent_back["error"] == "login_required"
    assert pin_page(browser, app)


def test_forms_of_earlier_steps_are_worth_nothing(runtime: Runtime, browser: Browser, app: Application) -> None:
    first = browser.authorize(app)
    before = another(browser)
    second = browser.submit(first)
    assert is_over(another(before).submit(first)), "the password again, with the cookie that the browser had"
    assert another(before).submit(second, pin=PIN).status == 403, "what was planted before the password"
    waiting = another(browser)
    wrong = browser.submit(second, pin="0000")
    assert is_over(waiting.submit(second, pin=PIN)), "each wrong PIN makes a new form"
    assert browser.submit(wrong, pin=PIN).sent_back["code"]


def test_a_form_sent_again_after_the_end_leads_to_no_second_code(
    runtime: Runtime, browser: Browser, app: Application
) -> None:
    first = browser.authorize(app)
    at_first = another(browser)
    second = browser.submit(first)
    at_second = another(browser)
    assert browser.submit(second, pin=PIN).status == 303
    assert is_over(at_first.submit(first))
    assert is_over(at_second.submit(second, pin=PIN))
    assert (len(rows(runtime, CODES)), rows(runtime)) == (1, [])


def test_two_tabs_do_not_mix(runtime: Runtime, browser: Browser, app: Application) -> None:
    pages = [pin_page(browser, app, state=state) for state in ("one", "two")]
    mixed = {"csrf_token": pages[1].hidden["csrf_token"], "pin": PIN}
    assert another(browser).submit(pages[0], **mixed).status == 403
    assert [browser.submit(page, pin=PIN).sent_back["state"] for page in pages] == ["one", "two"]


@pytest.mark.parametrize("seed", range(4))
def test_forms_in_any_order_and_with_any_cookies_lead_to_no_code_that_was_not_earned(
    runtime: Runtime, browser: Browser, app: Application, seed: int
) -> None:
    """Whatever was ever seen is sent again, from the browser as it was at any time."""
    chance, begun = random.Random(seed), 0
    seen: list[tuple[Seen, Browser]] = []
    for _ in range(60):
        if not seen or chance.random() < 0.1:
            twin, begun = another(browser), begun + 1
            seen.append((twin.authorize(app, **chance.choice(({}, {"nonce": "terms"}))), twin))
        page, own = chance.choice(seen[-6:] if chance.random() < 0.7 else seen)
        twin = another(own if chance.random() < 0.7 else chance.choice(seen)[1])
        fields = chance.choice(({}, {"pin": PIN}, {"key": "right"}, {"pin": "0000"}, {"pin": PIN, "key": "right"}))
        choice = chance.choice(({}, {"step": "key"}, {"step": "pin"}, {"step": "password"}, {"step": "sent"}))
        runtime.made.clock.advance(7)  # sign-ins of one person are counted by the minute
        answer = twin.submit(page, **fields, **choice)
        assert answer.status in (200, 303, 400, 401, 403), answer.body
        if answer.status in (200, 400, 401) and answer.hidden:
            seen.append((answer, twin))
    codes = rows(runtime, CODES)
    assert {code.amr for code in codes} <= {"cloud_directory otp mfa", "cloud_directory mfa"}
    assert 0 < len(codes) == len(rows(runtime, USED)) <= begun


@pytest.mark.parametrize("step", ["password", "pin"])
def test_of_one_form_sent_eight_times_at_once_one_advances(
    runtime: Runtime, browser: Browser, app: Application, step: str
) -> None:
    page = browser.authorize(app) if step == "password" else pin_page(browser, app)
    twins = [another(browser) for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        seen = list(threads.map(lambda twin: twin.submit(page, pin=PIN), twins))
    assert Counter(answer.status for answer in seen) == {200 if step == "password" else 303: 1, 400: 7}
    assert len(rows(runtime, ROWS if step == "password" else CODES)) == 1


def test_wrong_guesses_sent_at_once_are_all_counted_or_refused(
    runtime: Runtime, browser: Browser, app: Application
) -> None:
    page = pin_page(browser, app)
    twins = [another(browser) for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        guesses = [PIN if number == 7 else "0000" for number in range(8)]
        seen = list(threads.map(lambda twin, pin: twin.submit(page, pin=pin), twins, guesses))
    went_on = [answer for answer in seen if not is_over(answer)]
    assert len(went_on) == 1, "each form is one guess"
    assert went_on[0].status == 303 or "wrong: 1" in went_on[0].body


def test_a_transaction_expires_and_its_row_is_cleaned_away(
    runtime: Runtime, browser: Browser, app: Application
) -> None:
    page = pin_page(browser, app)
    runtime.made.clock.advance(LIFETIME_S)
    assert is_over(browser.submit(page, pin=PIN))
    store, clock = runtime.made.runtime.store, runtime.made.clock
    assert clean(store, clock, 0)["sign_in_transactions"] == 0, "it is kept a while, for a clearer answer"
    clock.advance(KEPT_MS / 1000)
    assert clean(store, clock, 0)["sign_in_transactions"] == 1
    assert (rows(runtime), rows(runtime, CODES)) == ([], [])


def test_a_sign_in_whose_row_a_restoration_took_begins_anew(
    runtime: Runtime, browser: Browser, app: Application
) -> None:
    first = browser.authorize(app)
    at_first = another(browser)
    second = browser.submit(first)
    with runtime.made.runtime.store.write() as work:
        work.run(delete(ROWS))  # as `ostiary restore` does: tests/cli/test_restore.py
    assert is_over(browser.submit(second, pin=PIN))
    again = at_first.submit(first)
    assert (again.hidden["step"], len(rows(runtime))) == ("pin", 1), "nothing of the first factor was left"
    assert at_first.submit(again, pin=PIN).sent_back["code"]


def test_a_tenant_that_asks_for_less_meanwhile_lets_the_sign_in_end(
    runtime: Runtime, browser: Browser, app: Application
) -> None:
    page = pin_page(browser, app)
    second_factor(runtime, on=False)
    code = browser.submit(page, pin="0000").sent_back["code"]
    assert runtime.verified(str(redeem(runtime, app, code)["id_token"]))[1]["amr"] == ["cloud_directory"]


def test_access_that_ends_between_the_factors_ends_what_was_proved(
    runtime: Runtime, browser: Browser, app: Application
) -> None:
    user_id = runtime.user("bob@example.com")
    page = browser.submit(browser.authorize(app), "bob@example.com")
    with runtime.made.runtime.store.write() as work:
        end_access_of_user(work, runtime.tenant_id, user_id, runtime.made.clock.now_ms())
    code = browser.submit(page, pin=PIN).sent_back["code"]
    with refused("invalid_grant"):
        redeem(runtime, app, code)
