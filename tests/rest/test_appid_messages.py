"""Messages of App ID through the real gateway: settings, and mails that leave by the background process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from kit.served import Served, served
from kit.smtp import Delivered, Mailboxes, mailboxes

FORM = "application/x-www-form-urlencoded"
SENDER = {"senderDetails": {"from": {"email": "hello@example.com"}, "linkExpirationSec": 3600}}


@pytest.fixture(scope="module")
def smtp() -> Iterator[Mailboxes]:
    with mailboxes() as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, smtp: Mailboxes) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("messages"), workers=1, smtp_url=smtp.url) as running:
        yield running


@pytest.fixture(scope="module")
def management(server: Served) -> Iterator[httpx.Client]:
    base = f"{server.url}/management/v4/{server.credentials['tenantId']}"
    with httpx.Client(base_url=base, headers=server.manager(), timeout=20) as client:
        yield client


def test_a_template_answers_201_then_200_and_204_to_who_prefers_little(management: httpx.Client) -> None:
    path, text = "config/cloud_directory/templates/WELCOME/en", {"subject": "Hello", "plain_text_body": "Hi"}
    answers = [management.put(path, json=text, headers=headers) for headers in ({}, {}, {"prefer": "return=minimal"})]
    assert [answer.status_code for answer in answers] == [201, 200, 204]
    assert [answer.content for answer in answers[2:]] == [b""]
    assert answers[0].json() == answers[1].json() == management.get(path).json() == text
    assert [management.delete(path).status_code for _ in range(2)] == [204, 404]


def test_sender_pages_and_dispatcher_answer_as_documented(management: httpx.Client) -> None:
    directory = "config/cloud_directory"
    put = management.put(f"{directory}/sender_details", json=SENDER)
    assert (put.status_code, put.content) == (204, b"")
    assert management.get(f"{directory}/sender_details").json() == SENDER
    page = {"actionUrl": "https://example.com/thanks?a=b"}
    by_form = management.put(f"{directory}/action_url/on_user_verified", data=page)
    by_json = management.put(f"{directory}/action_url/on_user_verified", json=page)
    assert [(answer.status_code, answer.json()) for answer in (by_form, by_json)] == [(200, page)] * 2
    assert management.get(f"{directory}/actions_urls").json() == {"on_user_verified": page["actionUrl"]}
    assert management.delete(f"{directory}/action_url/on_user_verified").status_code == 204
    dispatcher = {"provider": "appid", "sendgrid": {"apiKey": "k"}}
    stored = management.put(f"{directory}/email_dispatcher", json=dispatcher)
    assert (stored.status_code, stored.json()) == (200, dispatcher)
    tried = management.post(f"{directory}/email_dispatcher/test", data={"email": "jane@example.com"})
    assert (tried.status_code, tried.json()) == (200, {"statusCode": 202, "headers": {}})


def test_who_signs_up_gets_the_mails(management: httpx.Client, smtp: Mailboxes) -> None:
    made = management.post(
        "cloud_directory/sign_up?language=en",
        json={"emails": [{"value": "new@example.com"}], "password": "correct horse 1", "displayName": "Nél"},
    )
    assert made.status_code == 201
    mails = eventually(lambda: [one for one in smtp.delivered if one.recipients == ["new@example.com"]], 2)
    assert sorted(mail.message["Subject"] for mail in mails) == ["Confirm your email address", "Welcome, Nél"]


def eventually(look: Callable[[], list[Delivered]], count: int) -> list[Any]:
    """What `look` finds once it is that many."""
    latest = time.monotonic() + 15
    while len(found := look()) < count and time.monotonic() < latest:
        time.sleep(0.1)
    assert len(found) == count
    return found
