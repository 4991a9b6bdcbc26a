"""Nobody learns from a sign-in who has an account: known, unknown, locked and deactivated look alike."""

from __future__ import annotations

import re
from typing import Any

import pytest
from kit.browser import CALLBACK, Browser, Seen
from kit.oauth import Application, Refused, Runtime
from sqlalchemy import update

from ostiary.store.tables import User, table_of

WRONG = "not the password"
PEOPLE = ("known@example.com", "unknown@example.com", "off@example.com", "locked@example.com")


@pytest.fixture
def known(runtime: Runtime, app: Application) -> Application:
    """Three of the four have an account; only the first one may sign in."""
    users, later = table_of(User), runtime.made.clock.now_ms() + 60_000
    runtime.user("known@example.com")
    off, locked = runtime.user("off@example.com"), runtime.user("locked@example.com")
    with runtime.made.runtime.store.write() as work:
        work.run(update(users).where(users.c.id == off).values(active=False))
        work.run(update(users).where(users.c.id == locked).values(locked_until=later))
    Browser(runtime).register(CALLBACK)
    return app


def refusal_of(runtime: Runtime, app: Application, name: str) -> dict[str, Any]:
    form = {"grant_type": "password", "username": name, "password": WRONG}
    with pytest.raises(Refused) as seen:
        runtime.token(form, app.basic)
    return {"status": seen.value.status, "message": seen.value.message, **seen.value.facts, "request_id": ""}


def shown(runtime: Runtime, app: Application, name: str) -> tuple[int, list[tuple[str, str]], str]:
    browser = Browser(runtime)
    page: Seen = browser.submit(browser.authorize(app), username=name, password=WRONG)
    of_this_visit = r'name="(transaction|csrf_token)" value="[^"]*"|challenge&#34;: &#34;[^&]*'
    body = re.sub(of_this_visit, "", page.body).replace(name, "")
    headers = sorted((key, value) for key, value in page.headers.items() if key not in ("x-request-id", "set-cookie"))
    return page.status, headers, body


def test_the_password_grant_refuses_everybody_in_the_same_words(runtime: Runtime, known: Application) -> None:
    first, *others = (refusal_of(runtime, known, name) for name in PEOPLE)
    assert first["oauth_error"] == "invalid_grant"
    assert others == [first] * len(others)


def test_the_page_refuses_everybody_in_the_same_words(runtime: Runtime, known: Application) -> None:
    first, *others = (shown(runtime, known, name) for name in PEOPLE)
    assert "incorrect" in first[2]
    assert others == [first] * len(others)


def test_too_many_tries_look_alike_too(runtime: Runtime, known: Application) -> None:
    for name in PEOPLE[:2]:
        for _ in range(11):
            refusal_of(runtime, known, name)
    first, second = (refusal_of(runtime, known, name) for name in PEOPLE[:2])
    assert first["status"].name == "RESOURCE_EXHAUSTED"
    assert first == second
