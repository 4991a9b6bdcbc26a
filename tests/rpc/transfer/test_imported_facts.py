"""What an import says of a person: may they sign in, is their address verified, must they change the password."""

from __future__ import annotations

from typing import Any

import bcrypt
import pytest
from kit.accounts.directory import Json, People, body, unwrapped
from kit.accounts.transfers import SECRET, arriving, bring
from kit.callers import refusal
from kit.oauth import PASSWORD, refused

from ostiary.delivery.texts.templates import USER_VERIFICATION
from ostiary.directory.users.users import get_user
from ostiary.self_service.one_time_codes import find_code, new_code

HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
ADA = "ada@example.com"


def ada(status: str, **facts: Any) -> Json:
    return {**arriving(ADA, HASH, status=status), **facts}


def listed(people: People) -> Json:
    (user,) = people.users("ListCloudDirectoryUsers")["Resources"]
    return dict(user)


def resend(people: People, user: Json) -> None:
    asked = {"templateName": USER_VERIFICATION, "form": body({"uuid": user["id"]})}
    people.manage("SelfServiceService/ResendNotification", **asked)


def email_verified(people: People) -> bool:
    """What all of a sign-in's answers say of the address."""
    app = people.oauth.application()
    tokens = people.tokens(app, ADA)
    said = {bool(people.oauth.verified(tokens[name])[1]["email_verified"]) for name in ("access_token", "id_token")}
    said.add(bool(people.oauth.userinfo(tokens["access_token"])["email_verified"]))
    (verified,) = said
    return verified


@pytest.mark.parametrize(
    ("status", "facts", "signs_in", "verified", "shown"),
    [
        ("PENDING", {}, False, False, "PENDING"),
        ("CONFIRMED", {}, True, True, "CONFIRMED"),
        ("PENDING", {"maySignIn": True}, True, False, "PENDING"),
        ("CONFIRMED", {"emailVerified": False}, True, False, "PENDING"),
        ("PENDING", {"maySignIn": True, "emailVerified": True}, True, True, "CONFIRMED"),
        ("PENDING", {"maySignIn": None, "emailVerified": None}, False, False, "PENDING"),
        ("CONFIRMED", {"maySignIn": False, "emailVerified": False}, False, False, "PENDING"),
    ],
)
def test_an_import_says_who_may_sign_in_and_whose_address_is_verified(
    people: People, status: str, facts: Json, signs_in: bool, verified: bool, shown: str
) -> None:
    assert bring(people, ada(status, **facts))["added"] == 1
    assert listed(people)["status"] == shown
    if signs_in:
        assert email_verified(people) is verified
    else:
        with refused("invalid_grant") as seen:
            people.tokens(people.oauth.application(), ADA)
        assert seen.value.reason == "USER_NOT_VERIFIED"


def test_a_user_that_is_sent_back_as_it_was_read_keeps_both_facts(people: People) -> None:
    bring(people, ada("PENDING", maySignIn=True))
    assert people.update(listed(people), displayName="Countess")["status"] == "PENDING"
    assert email_verified(people) is False
    assert people.update(listed(people), status="CONFIRMED")["status"] == "CONFIRMED"
    assert email_verified(people) is True
    assert people.update(listed(people), status="PENDING")["status"] == "PENDING"
    with refused("invalid_grant"):
        people.tokens(people.oauth.application(), ADA)


def test_the_link_in_a_verification_mail_verifies_the_address_to_which_it_was_sent(people: People) -> None:
    bring(people, ada("PENDING", maySignIn=True))
    made, user, clock = people.made.runtime, listed(people), people.made.clock
    resend(people, user)
    with made.store.write() as work:
        code = new_code(
            work, people.tenant_id, user["id"], USER_VERIFICATION, made.entropy, clock.now_ms(), 60, address_key=ADA
        )
        other = new_code(
            work, people.tenant_id, user["id"], USER_VERIFICATION, made.entropy, clock.now_ms(), 60,
            address_key="ada@elsewhere.example",
        )  # fmt: skip
    tenant = made.tenancy
    for given, works in ((other, False), (code, True)):
        with made.store.write() as work:
            view, link = tenant.find(work, people.tenant_id), find_code(work, given, clock.now_ms())
            assert view is not None
            assert link is not None
        reason = ""
        try:
            with made.store.write() as work:
                made.directory.self_service.confirm_address(work, view, link, "r")
        except Exception as error:  # noqa: BLE001 - which one it is, is asserted
            reason = getattr(error, "reason", "")
        assert (reason == "") is works, reason
    assert email_verified(people) is True
    assert refusal(lambda: resend(people, user))[1] == "ALREADY_VERIFIED"


def test_an_export_says_what_the_status_does_not(people: People) -> None:
    other = People(people.caller, "manager")
    bring(people, ada("PENDING", maySignIn=True))
    method = "CloudDirectoryTransferService/ExportCloudDirectoryUsers"
    (entry,) = unwrapped(people.manage(method, encryption_secret=SECRET))["users"]
    assert (entry["maySignIn"], entry["scimUser"]["status"]) == (True, "PENDING")
    assert bring(other, entry)["added"] == 1
    assert email_verified(other) is False


@pytest.mark.parametrize("name", ["maySignIn", "emailVerified"])
@pytest.mark.parametrize("value", ["true", 1, [], {}])
def test_a_fact_is_true_or_false(people: People, name: str, value: Any) -> None:
    report = bring(people, ada("PENDING", **{name: value}))
    assert (report["added"], report["failReasons"][0]["error"]["code"]) == (0, "INVALID_VALUE")


def test_a_person_who_must_change_the_password_gets_in_by_no_other_fact(people: People) -> None:
    temporary = ada("PENDING", maySignIn=True)
    temporary["scimUser"]["passwordExpirationTimestamp"] = 1
    bring(people, temporary)
    with refused("invalid_grant") as seen:
        people.tokens(people.oauth.application(), ADA)
    assert seen.value.reason == "PASSWORD_EXPIRED"
    with people.made.runtime.store.read() as work:
        assert get_user(work, people.tenant_id, listed(people)["id"]).may_sign_in
