"""The sign-in page and its transactions."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from kit.browser import CALLBACK, Browser, Seen
from kit.oauth import Application, Refused, Runtime, refused
from sqlalchemy import func, select
from sqlmodel import SQLModel

from ostiary.oauth.authorize.transactions import BrowserHalf, cookie_name
from ostiary.store.tables import Client, Session, table_of
from ostiary.store.tenancy import touch


def test_of_one_form_sent_eight_times_at_once_one_code_comes(
    runtime: Runtime, browser: Browser, app: Application
) -> None:
    page = browser.authorize(app)
    with ThreadPoolExecutor(8) as threads:
        seen = list(threads.map(lambda _: browser.submit(page), range(8)))
    statuses = sorted(answer.status for answer in seen)
    assert statuses[0] == 303
    # 403: sent after the winner's answer took the cookie from the browser that all eight share.
    assert set(statuses[1:]) <= {400, 403}


def test_the_page_is_framed_by_nobody_and_runs_no_script_of_others(browser: Browser, app: Application) -> None:
    page = browser.authorize(app, login_hint='"><script>alert(1)</script>', redirect_uri="com.example.app:/done")
    policy = page.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy
    assert "form-action" not in policy, "Chromium holds each later redirect of the application to it"
    assert "script-src 'self'" in policy, "which is that of passkeys"
    assert re.findall("<script[^>]*>(.*?)</script>", page.body) == [""], "none is in the page"
    (style,) = re.findall(r"<style>(.*?)</style>", page.body, flags=re.DOTALL)
    assert f"'sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}'" in policy
    assert (page.headers["cache-control"], page.headers["referrer-policy"]) == ("no-store", "no-referrer")
    assert page.headers["x-content-type-options"] == "nosniff"
    (cookie,) = page.cookies
    assert "; HttpOnly; SameSite=Lax" in cookie
    assert f"Path=/oauth/v4/{app.tenant_id};" in cookie


def spoilt(case: str, page: Seen, other: Seen, browser: Browser) -> dict[str, str]:
    match case:
        case "no token":
            return {"csrf_token": ""}
        case "another transaction's token":
            return {"csrf_token": other.hidden["csrf_token"]}
        case "another transaction":
            return {"transaction": other.hidden["transaction"]}
        case "no transaction":
            return {"transaction": ""}
        case "no cookie":
            browser.cookies.clear()
        case "another browser's cookie":
            browser.cookies = dict.fromkeys(browser.cookies, "planted")
    return {}


@pytest.mark.parametrize(
    "case",
    [
        "no token", "another transaction's token", "another transaction", "no transaction", "no cookie",
        "another browser's cookie",
    ],
)  # fmt: skip
def test_a_form_from_elsewhere_is_refused(browser: Browser, app: Application, case: str) -> None:
    page, other = browser.authorize(app), browser.authorize(app)
    seen = browser.submit(page, **spoilt(case, page, other, browser))
    assert (seen.status, json.loads(seen.body)["error"]) == (403, "access_denied")


@pytest.mark.own_installation
def test_nothing_that_was_there_before_the_sign_in_is_worth_anything_after(
    runtime: Runtime, browser: Browser, app: Application
) -> None:
    page = browser.authorize(app)
    before = dict(browser.cookies)
    done = browser.submit(page)
    assert done.status == 303
    assert ["Max-Age=0" in cookie for cookie in done.cookies] == [True]
    browser.cookies = before
    again = browser.submit(page)
    assert (again.status, json.loads(again.body)["error"]) == (400, "invalid_request")
    sessions = table_of(Session)
    with runtime.made.runtime.store.read() as work:
        (session,) = work.rows(select(sessions))
    assert session.amr == "cloud_directory"
    assert session.id not in {*before.values(), *page.hidden.values()}


def test_no_code_goes_to_a_redirect_uri_that_was_taken_from_the_list_meanwhile(
    browser: Browser, app: Application
) -> None:
    page = browser.authorize(app)
    browser.register("https://app.example.com/other")
    seen = browser.submit(page)
    assert (seen.status, "location" in seen.headers) == (400, False), seen.headers
    assert "This sign-in is over" in seen.body
    browser.register(CALLBACK)
    assert browser.submit(page).sent_back["code"]


def test_a_sign_in_that_takes_too_long_is_over(runtime: Runtime, browser: Browser, app: Application) -> None:
    page = browser.authorize(app)
    runtime.made.clock.advance(1800)
    assert browser.submit(page).status == 400


def test_two_tabs_do_not_disturb_each_other(browser: Browser, app: Application) -> None:
    pages = [browser.authorize(app, state=state) for state in ("one", "two")]
    assert [browser.submit(page).sent_back["state"] for page in pages] == ["one", "two"]


def test_a_refused_sign_in_shows_the_page_again_with_the_reason(
    runtime: Runtime, browser: Browser, app: Application
) -> None:
    runtime.user("pending@example.com", confirmed=False)
    page = browser.authorize(app)
    wrong = browser.submit(page, password="wrong")
    assert (wrong.status, "The email or password that you entered is incorrect." in wrong.body) == (400, True)
    assert 'value="ada@example.com"' in wrong.body
    pending = browser.submit(wrong, username="pending@example.com")
    assert (pending.status, "Confirm your email address" in pending.body) == (403, True)
    assert browser.submit(pending, step="password").sent_back["code"]


def test_too_many_tries_show_the_page_with_429(browser: Browser, app: Application) -> None:
    page = browser.authorize(app)
    for _ in range(11):
        assert browser.submit(page, password="wrong").status == 400
    seen = browser.submit(page)
    assert seen.status == 429
    assert int(seen.headers["retry-after"]) > 0
    assert "<form" in seen.body


def test_the_hosted_page_and_the_password_grant_share_one_count(
    runtime: Runtime, browser: Browser, app: Application
) -> None:
    page = browser.authorize(app)
    for _ in range(6):
        browser.submit(page, password="wrong")
    for _ in range(5):
        with refused("invalid_grant"):
            runtime.sign_in(app, password="wrong")
    with pytest.raises(Refused) as seen:
        runtime.sign_in(app)
    assert seen.value.reason == "TOO_MANY_SIGN_INS"


def test_a_client_deleted_during_the_sign_in_gets_no_code(runtime: Runtime, browser: Browser, app: Application) -> None:
    page = browser.authorize(app)
    clients = table_of(Client)
    with runtime.made.runtime.store.write() as work:
        work.run(clients.delete().where(clients.c.id == app.id))
        touch(work, app.tenant_id)
    assert browser.submit(page).status == 400


def stored(runtime: Runtime) -> dict[str, int]:
    """How many rows each table has."""
    counts = {}
    with runtime.made.runtime.store.read() as work:
        for table in SQLModel.metadata.sorted_tables:
            row = work.row(select(func.count()).select_from(table))
            counts[table.name] = row[0] if row else 0
    return counts


@pytest.mark.own_installation
def test_whoever_only_asks_makes_us_store_nothing(runtime: Runtime, browser: Browser, app: Application) -> None:
    before = stored(runtime)
    page = browser.authorize(app, state="s" * 4_000)
    assert stored(runtime) == before
    browser.submit(page)
    assert stored(runtime)["used_once"] == 1


@pytest.mark.parametrize("spoil", [lambda handle: handle[:-3] + "AAA", lambda handle: "1.x." + handle, lambda _: "x"])
def test_a_request_in_the_form_cannot_be_changed(
    runtime: Runtime, browser: Browser, app: Application, spoil: Callable[[str], str]
) -> None:
    page = browser.authorize(app)
    handle = page.hidden["transaction"]
    secret = browser.cookies[cookie_name(handle)]
    spoilt = BrowserHalf(spoil(handle), secret)
    browser.cookies[spoilt.cookie] = secret
    seen = browser.submit(page, transaction=spoilt.handle, csrf_token=spoilt.csrf_token)
    assert (seen.status, "CSRF" in seen.body or "belong" in seen.body) == (403, True)


def test_a_transaction_spelled_in_another_way_is_the_same_one(
    runtime: Runtime, browser: Browser, app: Application
) -> None:
    page = browser.authorize(app)
    handle = page.hidden["transaction"]
    secret = browser.cookies[cookie_name(handle)]
    assert browser.submit(page).status == 303
    again = BrowserHalf(f"{handle}\n", secret)
    browser.cookies |= {again.cookie: secret}
    seen = browser.submit(page, transaction=again.handle, csrf_token=again.csrf_token)
    assert (seen.status, "over" in seen.body) == (400, True)
