"""A directory user as a JSON object: the same members, in the same order, as App ID's message of the user."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict

from ostiary.directory.users.contacts import Contact
from ostiary.directory.users.document import ENTERPRISE, user_document
from ostiary.directory.users.users import UserView
from ostiary.services.appid.directory.user_messages import user_message

NOW_MS = 1_700_000_000_000
WHOLE: dict[str, Any] = {
    "name": {"middleName": "b", "formatted": "A b C", "honorificPrefix": "Dr."},
    ENTERPRISE: {"manager": {"value": "m", "displayName": "M", "$ref": "../Users/m"}, "costCenter": "7", "other": "x"},
    "addresses": [{"type": "work"}, {}], "photos": [], "timezone": "Europe/Berlin", "nickName": "ada", "title": "",
    "a member that this version does not know": 1,
}  # fmt: skip


def user(**parts: Any) -> UserView:
    plain: dict[str, Any] = {
        "id": "u", "tenant_id": "t", "user_name": "ada", "display_name": "Ada", "given_name": "", "family_name": "",
        "document": "{}", "locale": "", "active": True, "may_sign_in": True, "email_verified": True,
        "locked_until": None, "lock_seconds": 0, "version": 1,
        "created_at": 1_700_000_000_123, "modified_at": 1_700_000_000_456, "last_login": None,
        "original_id": "", "access_epoch": 0,
    }  # fmt: skip
    return UserView(**{**plain, **parts})


@pytest.mark.parametrize(
    "found",
    [
        user(),
        user(active=False, may_sign_in=False, email_verified=False, locale="de", last_login=NOW_MS, original_id="o"),
        user(emails=(Contact("a@b.example", "work", "A", True), Contact("", "", "", False))),
        user(phones=(Contact("+49", "", "", False),), given_name="A", family_name="C"),
        user(given_name="A", document=json.dumps({"name": {"formatted": ""}})),
        user(given_name=" ", document=json.dumps({"name": {}, ENTERPRISE: {}})),
        user(given_name="A", family_name="C", document=json.dumps(WHOLE), emails=(Contact("a@b.example"),)),
        user(document=json.dumps({ENTERPRISE: {"manager": {}}, "ims": [{"value": "x"}]})),
    ],
)
def test_the_document_is_the_message_as_json(found: UserView) -> None:
    message = MessageToDict(user_message(found, NOW_MS), always_print_fields_with_no_presence=True)
    assert json.dumps(user_document(found)) == json.dumps(message)


def test_a_locked_user_is_active_in_the_document_and_the_end_of_the_lock_is_a_whole_number() -> None:
    locked = user(locked_until=NOW_MS + 60_000)
    assert not user_message(locked, NOW_MS).active
    assert (user_document(locked)["active"], json.dumps(user_document(locked)["lockedUntil"])) == (
        True,
        "1700000060000",
    )
