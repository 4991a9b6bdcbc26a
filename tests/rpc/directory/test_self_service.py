"""What people and applications do with forgotten and changed passwords, and messages sent again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from html import unescape
from pathlib import Path
from typing import Any

import grpc
import pytest
from kit.accounts.directory import INVALID, LIMITED, NOBODY, NOT_FOUND, TAKEN, person
from kit.browser import Seen
from kit.callers import Caller, refusal, serving
from kit.oauth import PASSWORD, URLENCODED, refused
from kit.servers.installation import Installation
from kit.servers.recovering import NEW, RESET, Json, Recovering, pending

from ostiary.config import deploy_folder

DENIED, GONE = grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.FAILED_PRECONDITION


@pytest.fixture
def people(shared_caller: Caller) -> Recovering:
    return Recovering(shared_caller)


@pytest.fixture
def timed(caller: Caller) -> Recovering:
    """People whose clock may be moved."""
    return Recovering(caller)


def context_of(seen: Seen) -> str:
    return seen.sent_back["context"]


@pytest.mark.parametrize(("kind", "field"), [("application/json", "user"), (URLENCODED, "user"), (URLENCODED, "email")])
def test_who_has_forgotten_the_password_gets_a_link(people: Recovering, kind: str, field: str) -> None:
    made = people.create()
    answer = people.self_service("StartForgotPassword", {field: "Jane@Example.com"}, kind, language="de")
    assert answer["id"] == made["id"]
    assert "password" not in answer
    (message,) = people.messages()
    assert (message.template, message.recipient, message.language) == ("RESET_PASSWORD", "jane@example.com", "de")
    assert people.audited()[-1] == ("appid.self-forgot-password.start", made["id"])


def test_a_new_password_is_chosen_on_the_page_and_ends_what_the_old_one_granted(people: Recovering) -> None:
    people.oauth.settings(refresh={"enabled": True})
    application, uuid = people.oauth.application(), people.create()["id"]
    tokens = people.tokens(application)
    people.forgot()
    people.forgot()
    code, other = people.codes("RESET_PASSWORD")
    page = people.open(code)
    assert 'name="new_password"' in page.body
    differ = people.choose(code, again="something else")
    assert (differ.status, "differ" in differ.body) == (400, True)
    weak = people.choose(code, "short")
    assert (weak.status, "strength" in unescape(weak.body)) == (400, True)
    assert people.submit(code).status == 400
    assert people.can_sign_in(application, PASSWORD), "nothing was changed"
    assert people.choose(code).status == 200
    assert people.can_sign_in(application, NEW)
    assert not people.can_sign_in(application, PASSWORD)
    with refused("invalid_grant"):
        people.oauth.refresh(application, tokens["refresh_token"])
    for dead in (code, other):
        assert people.choose(dead, "third horse 333").status == 410
        assert people.open(dead).status == 410
    (changed,) = people.messages()
    assert (changed.template, changed.recipient) == ("PASSWORD_CHANGED", "jane@example.com")
    assert '"ipAddress": "192.0.2.7"' in changed.payload
    assert people.status(uuid) == "CONFIRMED"


def test_a_reset_with_a_page_of_ones_own_ends_in_change_password(people: Recovering) -> None:
    people.set_up(pages=True)
    application, uuid = people.oauth.application(), people.create()["id"]
    people.forgot()
    code = people.code("RESET_PASSWORD")
    assert "Continue" in people.open(code).body
    assert "new_password" not in people.open(code).body
    seen = people.submit(code)
    assert seen.headers["location"].startswith(f"{RESET}?context=")
    answer = people.self_service("GetForgotPasswordConfirmationResult", {"context": context_of(seen)})
    assert answer == {"success": True, "uuid": uuid}
    assert people.change(uuid, changedIpAddress="192.0.2.1")["id"] == uuid
    assert people.can_sign_in(application, NEW)
    assert people.result(context_of(people.submit(code)), "ForgotPassword")["success"] is False
    assert [action for action, _ in people.audited()][-3:] == [
        "appid.forgot-password-result.read", "appid.user-password.update", "appid.forgot-password-result.read"
    ]  # fmt: skip


def test_of_many_who_follow_a_link_at_once_one_succeeds(people: Recovering) -> None:
    people.create()
    people.forgot()
    code = people.code("RESET_PASSWORD")
    with ThreadPoolExecutor(6) as threads:
        statuses = Counter(
            threads.map(lambda number: people.choose(code, f"horse number {number}").status, range(6))
        )  # fmt: skip
    assert statuses[200] == 1
    assert statuses[200] + statuses[410] + statuses[409] == 6


def login_of_nobody(people: Recovering) -> None:
    people.forgot("nobody@example.com")


def login_of_jane(people: Recovering) -> None:
    people.forgot()


@pytest.mark.parametrize(
    ("ask", "facts", "reason"),
    [
        (login_of_nobody, {}, (NOT_FOUND, "USER_NOT_FOUND")),
        (login_of_jane, {"status": "PENDING"}, (TAKEN, "USER_NOT_VERIFIED")),
        (login_of_jane, {"active": False}, (DENIED, "USER_LOCKED")),
        (login_of_jane, {"lockedUntil": 4_102_444_800_000}, (DENIED, "USER_LOCKED")),
    ],
)
def test_who_cannot_reset_a_password_gets_no_link(
    people: Recovering, ask: Callable[[Recovering], None], facts: Json, reason: Any
) -> None:
    people.create(**facts)
    assert refusal(partial(ask, people)) == reason
    assert people.messages() == []


def test_resetting_passwords_can_be_switched_off_also_for_links_that_were_sent(people: Recovering) -> None:
    uuid = people.create()["id"]
    people.forgot()
    code = people.code("RESET_PASSWORD")
    people.set_up(interactions={"reset_password_enabled": False})
    assert refusal(people.forgot) == (DENIED, "RESET_PASSWORD_DISABLED")
    assert refusal(partial(people.resend, uuid, "RESET_PASSWORD")) == (DENIED, "RESET_PASSWORD_DISABLED")
    assert people.open(code).status == people.choose(code).status == 403


def test_without_self_service_only_the_built_in_pages_of_a_reset_are_closed(people: Recovering) -> None:
    uuid = people.create()["id"]
    people.set_up(by_self=False)
    people.forgot()
    code = people.code("RESET_PASSWORD")
    for refused_page in (people.open(code), people.choose(code)):
        assert (refused_page.status, "self-service" in refused_page.body) == (403, True)
    people.set_up(by_self=False, pages=True)
    assert people.result(context_of(people.submit(code)), "ForgotPassword") == {"success": True}
    people.change(uuid)
    assert people.can_sign_in(people.oauth.application(), NEW)


def test_an_address_is_confirmed_also_without_self_service(people: Recovering) -> None:
    people.set_up(by_self=False)
    pending(people)
    assert people.submit(people.code()).status == 200


def test_a_user_who_is_locked_meanwhile_cannot_use_the_link(people: Recovering) -> None:
    user = people.create()
    people.forgot()
    code = people.code("RESET_PASSWORD")
    people.update(user, active=False)
    assert people.open(code).status == people.choose(code).status == 403


@pytest.mark.parametrize(
    ("template", "facts", "answer"),
    [
        ("USER_VERIFICATION", {"status": "PENDING"}, None),
        ("USER_VERIFICATION", {}, (GONE, "ALREADY_VERIFIED")),
        ("RESET_PASSWORD", {"status": "PENDING"}, (TAKEN, "USER_NOT_VERIFIED")),
        ("RESET_PASSWORD", {}, None),
        ("WELCOME", {}, None),
        ("PASSWORD_CHANGED", {}, None),
        ("MFA_VERIFICATION", {}, (INVALID, "UNKNOWN_TEMPLATE")),
        ("welcome", {}, (INVALID, "UNKNOWN_TEMPLATE")),
    ],
)
def test_a_message_is_sent_again_where_it_makes_sense(
    people: Recovering, template: str, facts: Json, answer: Any
) -> None:
    uuid = people.create(**facts)["id"]
    if answer is None:
        assert people.resend(uuid, template, language="fr") == {"message": "Email is queued to be delivered."}
        assert [(one.template, one.language) for one in people.messages()] == [(template, "fr")]
        assert people.audited()[-1] == ("appid.resend-notification.send", uuid)
    else:
        assert refusal(partial(people.resend, uuid, template)) == answer
        assert people.messages() == []


def test_who_asks_too_often_is_refused_and_nobody_is_written_to(people: Recovering) -> None:
    uuid = people.create(status="PENDING")["id"]
    for _ in range(10):
        people.resend(uuid)
    for template in ("USER_VERIFICATION", "WELCOME"):
        assert refusal(partial(people.resend, uuid, template)) == (LIMITED, "TOO_MANY_MESSAGES")
    assert len(people.messages()) == 10
    other = people.create("joe@example.com", status="PENDING")["id"]
    people.resend(other)


def test_an_application_asks_for_all_its_users_up_to_the_cap_of_its_tenant(
    installation: Installation, tmp_path: Path
) -> None:
    path = tmp_path / "limits.toml"
    path.write_text((deploy_folder() / "limits.toml").read_text().replace("count = 800", "count = 35"))
    with serving(installation.with_settings(limits_file=path)) as caller:
        people, other = Recovering(caller), Recovering(caller)
        people.credentials["metadata"] += (("x-client-ip", "192.0.2.7"),)
        users = [people.create(f"user{number}@example.com")["id"] for number in range(4)]
        for _ in range(9):
            for uuid in users[:3]:
                people.resend(uuid, "WELCOME")
        signed_up = [refusal(lambda at=at: people.sign_up(person(f"new{at}@example.com"))) for at in range(5)]
        assert signed_up == [(grpc.StatusCode.OK, "")] * 4 + [(LIMITED, "TOO_MANY_MESSAGES")]
        assert refusal(partial(people.forgot, "user3@example.com")) == (LIMITED, "TOO_MANY_MESSAGES")
        assert len(people.messages()) == 35
        other.resend(other.create()["id"], "WELCOME")


def test_signing_up_again_with_somebodys_address_does_not_use_up_the_cap(people: Recovering) -> None:
    people.create()
    for _ in range(11):
        assert refusal(lambda: people.sign_up(person("jane@example.com"))) == (TAKEN, "EMAIL_TAKEN")
    people.forgot()


def test_a_changed_password_ends_links_tokens_and_says_so(people: Recovering) -> None:
    people.oauth.settings(refresh={"enabled": True})
    application, uuid = people.oauth.application(), people.create()["id"]
    tokens = people.tokens(application)
    people.forgot()
    code = people.code("RESET_PASSWORD")
    changed = people.change(uuid, changedIpAddress="198.51.100.4")
    assert (changed["id"], "password" in changed) == (uuid, False)
    assert people.can_sign_in(application, NEW)
    assert people.choose(code).status == 410
    with refused("invalid_grant"):
        people.oauth.refresh(application, tokens["refresh_token"])
    (message,) = people.messages()
    assert (message.template, '"ipAddress": "198.51.100.4"' in message.payload) == ("PASSWORD_CHANGED", True)
    assert people.audited()[-1] == ("appid.user-password.update", uuid)
    people.set_up(interactions={"reset_password_notification_enable": False})
    people.change(uuid, "third horse 333")
    assert len(people.messages()) == 1


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"newPassword": "short"}, (INVALID, "INVALID_PASSWORD")),
        ({"newPassword": ""}, (INVALID, "MISSING_FIELD")),
        ({"uuid": ""}, (INVALID, "MISSING_FIELD")),
        ({"uuid": NOBODY}, (NOT_FOUND, "USER_NOT_FOUND")),
        ({"newPassword": "x" * 1_025}, (INVALID, "INVALID_PASSWORD")),
        ({"changedIpAddress": "1\r\n2"}, (INVALID, "INVALID_IP_ADDRESS")),
        ({"changedIpAddress": "1" * 101}, (INVALID, "INVALID_IP_ADDRESS")),
    ],
)
def test_a_password_that_cannot_be_set_changes_nothing(people: Recovering, fields: Json, reason: Any) -> None:
    application, uuid = people.oauth.application(), people.create()["id"]
    given = {"uuid": uuid, "newPassword": NEW, "unheard": 1, **fields}
    assert refusal(partial(people.self_service, "ChangePassword", given)) == reason
    assert people.can_sign_in(application, PASSWORD)
    assert people.messages() == []


@pytest.mark.parametrize("method", ["StartForgotPassword", "ChangePassword", "ResendNotification"])
def test_a_language_is_a_tag(people: Recovering, method: str) -> None:
    uuid = people.create()["id"]
    extra = {"templateName": "WELCOME"} if method == "ResendNotification" else {}
    fields = {"uuid": uuid, "user": "jane@example.com", "newPassword": NEW}
    ask = partial(people.self_service, method, fields, language="en\r\nx", **extra)
    assert refusal(ask) == (INVALID, "INVALID_LANGUAGE")
    assert people.open("x", language="<b>").status == 400
