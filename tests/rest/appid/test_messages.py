"""Messages of App ID through the real gateway: settings, and mails that leave by the background process."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from kit.patience import awaited
from kit.servers.served import Served, served
from kit.servers.smtp import Delivered, Mailboxes, mailboxes

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
    mails = eventually(lambda: to("new@example.com", smtp), 2)
    assert sorted(mail.message["Subject"] for mail in mails) == ["Confirm your email address", "Welcome, Nél"]


def test_a_link_confirms_by_its_form_and_leads_to_the_tenants_page(
    server: Served, management: httpx.Client, smtp: Mailboxes
) -> None:
    page = "https://app.example.com/thanks"
    directory = "config/cloud_directory"
    management.put(f"{directory}/action_url/on_user_verified", json={"actionUrl": page})
    user = {"emails": [{"value": "joe@example.com"}], "password": "correct horse 1"}
    uuid = management.post("cloud_directory/sign_up?language=de", json=user).json()["id"]
    mails = eventually(lambda: to("joe@example.com", smtp), 2)
    (link,) = {
        found[0] for mail in mails for found in [re.findall(r"https?://\S+/wfm/\S+", mail.part("plain"))] if found
    }
    assert link.startswith(f"{server.url}/wfm/verify/")
    shown = httpx.get(link)
    assert (shown.status_code, shown.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert shown.headers["cache-control"] == "no-store"
    assert management.get(f"cloud_directory/Users/{uuid}").json()["status"] == "PENDING"
    for kind in (FORM, "application/json"):
        sent = httpx.post(link, content="" if kind == FORM else "{}", headers={"content-type": kind})
        assert (sent.status_code, sent.content) == (303, b"")
        assert sent.headers["location"].startswith(f"{page}?context=")
        assert sent.headers["location"].endswith("&language=de")
        context = sent.headers["location"].partition("context=")[2].partition("&")[0]
        told = management.post("cloud_directory/sign_up/confirmation_result", data={"context": context})
        failed = {"success": False, "uuid": uuid, "error": {"code": "GONE", "description": "link used already"}}
        assert (told.status_code, told.json()) == (200, {"success": True, "uuid": uuid} if kind == FORM else failed)
    again = management.post("cloud_directory/sign_up/confirmation_result", json={"context": context})
    assert (again.status_code, again.json()["errorCode"]) == (404, "CONTEXT_NOT_FOUND")
    assert management.get(f"cloud_directory/Users/{uuid}").json()["status"] == "CONFIRMED"
    refused = httpx.get(f"{server.url}/wfm/verify/unknown", headers={"accept": "text/html"})
    assert (refused.status_code, "<h1>" in refused.text) == (404, True)


def test_recovery_answers_as_documented(management: httpx.Client, smtp: Mailboxes) -> None:
    made = management.post("cloud_directory/Users", json={
        "emails": [{"value": "ann@example.com"}], "password": "correct horse 1", "status": "CONFIRMED"
    }).json()  # fmt: skip
    for sent in ({"json": {"user": "ann@example.com"}}, {"data": {"user": "ann@example.com"}}):
        answer = management.post("cloud_directory/forgot_password?language=en", **sent)
        assert (answer.status_code, answer.json()["id"]) == (200, made["id"])
    unknown = management.post("cloud_directory/forgot_password", json={"user": "nobody@example.com"})
    assert (unknown.status_code, unknown.json()["detail"]) == (404, unknown.json()["message"])
    new = {"uuid": made["id"], "newPassword": "another horse 2", "changedIpAddress": "127.0.0.1"}
    changed = management.post("cloud_directory/change_password", json=new)
    assert (changed.status_code, changed.json()["id"]) == (200, made["id"])
    short = management.post("cloud_directory/change_password", data={**new, "newPassword": "short"})
    assert (short.status_code, short.json()["scimType"]) == (400, "invalidValue")
    resent = management.post("cloud_directory/resend/WELCOME?language=en", data={"uuid": made["id"]})
    assert (resent.status_code, resent.json()) == (202, {"message": "Email is queued to be delivered."})
    confirmed = management.post("cloud_directory/resend/USER_VERIFICATION", json={"uuid": made["id"]})
    assert confirmed.status_code == 410
    subjects = sorted(str(mail.message["Subject"]) for mail in eventually(lambda: to("ann@example.com", smtp), 4))
    assert subjects == [
        "Reset your password", "Reset your password", "Welcome, ann@example.com", "Your password was changed"
    ]  # fmt: skip


def to(address: str, smtp: Mailboxes) -> list[Delivered]:
    """The mails to an address."""
    return [one for one in list(smtp.delivered) if one.recipients == [address]]


def eventually(look: Callable[[], list[Delivered]], count: int) -> list[Any]:
    """What `look` finds once it is that many."""
    awaited(lambda: len(look()) >= count)
    found = look()
    assert len(found) == count
    return found
