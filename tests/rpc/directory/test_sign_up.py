"""Sign-up over native gRPC."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from kit.accounts.directory import INVALID, LIMITED, TAKEN, People, person
from kit.callers import refusal
from sqlalchemy import select

from ostiary.delivery.outbox import code_place
from ostiary.directory.signin.rate_limits import RATE_LIMITS
from ostiary.directory.users.cloud_directory import CLOUD_DIRECTORY
from ostiary.ids import digest
from ostiary.store.tables import OneTimeCode, table_of
from ostiary_api.appid.management.v4 import rate_limit_pb2


def configure(people: People, access_mode: str = "FULL", *, welcome: bool = True, sign_up: bool = True) -> None:
    """Sets the Cloud Directory of the tenant."""
    with people.made.runtime.store.write() as work:
        provider = CLOUD_DIRECTORY.default_document()
        provider.config.signup_enabled = sign_up
        provider.config.interactions.welcome_enabled = welcome
        provider.config.interactions.identity_confirmation.access_mode = access_mode
        CLOUD_DIRECTORY.replace(work, people.tenant_id, provider, 1)


@pytest.mark.parametrize(
    ("access_mode", "welcome", "status", "sent"),
    [
        ("FULL", True, "PENDING", ["USER_VERIFICATION", "WELCOME"]),
        ("FULL", False, "PENDING", ["USER_VERIFICATION"]),
        ("RESTRICTIVE", False, None, ["USER_VERIFICATION"]),
        ("FULL", False, "CONFIRMED", []),
        ("FULL", True, "CONFIRMED", ["WELCOME"]),
        ("OFF", True, "PENDING", ["WELCOME"]),
        ("OFF", False, "PENDING", []),
    ],
)
def test_the_mails_are_those_that_the_directory_is_set_to_send(
    people: People, access_mode: str, welcome: bool, status: str | None, sent: list[str]
) -> None:
    configure(people, access_mode, welcome=welcome)
    made = people.sign_up(person("jane@example.com", **({"status": status} if status else {})))
    assert made["status"] == (status or "PENDING")
    assert [message.template for message in people.messages()] == sent
    assert {message.recipient for message in people.messages()} <= {"jane@example.com"}


def test_a_mail_carries_data_and_a_sealed_code_whose_digest_alone_is_stored(people: People) -> None:
    name = "<b>Jane</b>\r\nBcc: all@example.com"
    made = people.sign_up(person("jane@example.com", displayName=name, name={"givenName": "J"}), language="de-CH")
    verification = people.messages()[0]
    payload = json.loads(verification.payload)
    assert list(payload) == ["user"]
    assert (verification.language, verification.state, verification.channel) == ("de-CH", "waiting", "email")
    assert payload["user"] == {
        "id": made["id"], "displayName": name, "email": "jane@example.com", "username": "jane@example.com",
        "firstName": "J", "lastName": "", "formattedName": "J",
    }  # fmt: skip
    code = people.made.runtime.sealing.open(
        verification.sealed_code, code_place(people.tenant_id, verification.id)
    ).decode()
    codes = table_of(OneTimeCode)
    with people.made.runtime.store.read() as work:
        row = work.row(select(codes).where(codes.c.digest == digest(code)))
    assert row is not None
    assert (row.user_id, row.kind, row.used_at) == (made["id"], "USER_VERIFICATION", None)
    assert code not in verification.row.payload


def test_a_profile_is_made_only_when_asked_for(people: People) -> None:
    made = people.sign_up(person("jane@example.com"), shouldCreateProfile=True)
    assert made["profileId"] != made["id"]
    assert people.profiles("GetUserProfile", id=made["profileId"])["email"] == "jane@example.com"
    assert "profileId" not in people.sign_up(person("joe@example.com"))
    assert people.profiles("SearchUserProfiles")["totalResults"] == 1


def test_administrators_sign_users_up_although_the_page_is_closed(people: People) -> None:
    configure(people, sign_up=False)
    assert people.sign_up(person("jane@example.com"))["id"]


def test_the_first_sign_in_after_a_sign_up_with_profile_keeps_that_profile(people: People) -> None:
    made = people.with_profile()
    tokens = people.tokens(people.oauth.application())
    assert people.oauth.verified(tokens["access_token"])[1]["sub"] == made["profileId"]


@pytest.mark.parametrize("tag", ["de_CH", "x" * 36, "d", "de-CH\r\nX: y"])
def test_a_malformed_language_is_refused(people: People, tag: str) -> None:
    assert refusal(lambda: people.sign_up(person("jane@example.com"), language=tag)) == (INVALID, "INVALID_LANGUAGE")


def test_a_repeated_sign_up_is_a_conflict_and_sends_nothing(people: People) -> None:
    people.sign_up(person("jane@example.com"))
    sent = len(people.messages())
    assert refusal(lambda: people.sign_up(person("JANE@example.com"))) == (TAKEN, "EMAIL_TAKEN")
    assert len(people.messages()) == sent


def test_of_two_simultaneous_sign_ups_of_one_mail_one_succeeds(people: People) -> None:
    def attempt(_: int) -> Any:
        return refusal(lambda: people.sign_up(person("jane@example.com"), shouldCreateProfile=True))

    with ThreadPoolExecutor(2) as pool:
        assert sorted(reason for _, reason in pool.map(attempt, range(2))) == ["", "EMAIL_TAKEN"]
    assert len(people.messages()) == 2
    assert [action for action, _ in people.audited()] == ["appid.self-sign-up.start"]


def test_the_tenants_limit_of_sign_ups_is_exact_and_ends(people: People) -> None:
    with people.made.runtime.store.write() as work:
        config = rate_limit_pb2.RateLimitConfig(sign_up_limit_per_minute=3, sign_in_limit_per_minute=0)
        RATE_LIMITS.replace(work, people.tenant_id, config, 1)

    def attempt(number: int) -> Any:
        return refusal(lambda: people.sign_up(person(f"user{number}@example.com")))

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(attempt, range(6)))
    assert [reason for _, reason in outcomes].count("") == 3
    assert outcomes.count((LIMITED, "TOO_MANY_SIGN_UPS")) == 3
    people.made.clock.advance(61)
    assert people.sign_up(person("later@example.com"))["id"]


def test_the_password_rule_of_the_tenant_is_told_in_its_own_words(people: People) -> None:
    rule = {"regex": "^[0-9]{6,}$", "error_message": "Six digits, please."}
    people.manage("PasswordRegexService/PutPasswordRegex", config=rule)
    with pytest.raises(Exception, match="Six digits, please"):
        people.sign_up({**person("jane@example.com"), "password": "letters and more"})
    assert people.sign_up({**person("jane@example.com"), "password": "123456"})["id"]
