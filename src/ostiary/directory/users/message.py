"""Reader of directory users in App ID's form: its message, and the same as JSON in the file of an import.

Attributes that no query asks for are the fields of the message without a place of their own in `Description`: to take
one more attribute of RFC 7643, add it to the proto and to `document`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict, ParseError

from ostiary.directory.users.confirmation import PENDING, confirmation_of
from ostiary.directory.users.contacts import Contact, one_primary
from ostiary.directory.users.input import NewUser, UserChange
from ostiary.errors import DomainError, invalid
from ostiary_api.appid.management.v4 import cloud_directory_users_pb2 as pb

_LISTS = ("ims", "photos", "addresses", "x509_certificates")
_ELSEWHERE = frozenset({
    "schemas", "id", "userName", "displayName", "emails", "phoneNumbers", "locale", "active", "lockedUntil", "status",
    "password", "mfaContext", "meta", "profileId", "originalId",
})  # fmt: skip
"""Fields that have a place of their own, or that only we write."""
_WRONG_FIELD = re.compile(r"Failed to parse (\w+) field| at CloudDirectoryUser\.([\w.\[\]]+?)\.*$")
"""The pattern by which the field is found in protobuf's message; the rest of that is for programmers, and repeats the
value."""
_SHOWN = 256


def new_user(message: pb.CloudDirectoryUser) -> NewUser:
    """Reads the user that a caller wants to create. Raises INVALID_VALUE, INVALID_STATUS, INVALID_LOCKED_UNTIL, and
    what `one_primary` raises."""
    confirmed = confirmation_of(message.status or PENDING)
    emails = one_primary("emails", _contacts(message.emails))
    return NewUser(
        **_description(message), user_name=message.user_name,
        emails=tuple(replace(email, verified=confirmed and email.primary) for email in emails),
        active=message.active if message.HasField("active") else True, may_sign_in=confirmed,
        locked_until=_locked_until(message),
    )  # fmt: skip


def new_user_of(document: dict[str, Any]) -> NewUser:
    """Reads the user that a JSON object describes; unknown members are ignored. Raises as `new_user`."""
    plain = json.loads(json.dumps(document, default=float))  # numbers came as Decimal, which protobuf does not take
    try:
        message = ParseDict(plain, pb.CloudDirectoryUser(), ignore_unknown_fields=True)
    except (ParseError, RecursionError) as error:
        raise _wrong_type(error) from error
    return new_user(message)


def _wrong_type(error: Exception) -> DomainError:
    found = _WRONG_FIELD.findall(str(error))
    path = ".".join(field for field, _ in found if field) or (found[0][1] if found else "")
    where = f"scimUser.{path[:_SHOWN]}" if path else "A field of scimUser"
    return invalid("INVALID_VALUE", f"{where} has a value of the wrong type.", scim_type="invalidValue")


def user_change(message: pb.CloudDirectoryUser) -> UserChange:
    """Reads what a caller wants to change of a user. Raises INVALID_VALUE, INVALID_STATUS, INVALID_LOCKED_UNTIL,
    EMAIL_MISSING."""
    if not message.emails:
        raise invalid("EMAIL_MISSING", "emails must hold the user's mail address.", scim_type="invalidValue")
    return UserChange(
        **_description(message), emails=_contacts(message.emails),
        user_name=message.user_name if message.HasField("user_name") else None,
        active=message.active if message.HasField("active") else None,
        confirmed=confirmation_of(message.status) if message.HasField("status") else None,
        locked_until=_locked_until(message),
    )  # fmt: skip


def _description(message: pb.CloudDirectoryUser) -> dict[str, Any]:
    return {
        "display_name": message.display_name, "given_name": message.name.given_name,
        "family_name": message.name.family_name, "locale": message.locale,
        "phones": _contacts(message.phone_numbers), "further": _further(message),
    }  # fmt: skip


def _further(message: pb.CloudDirectoryUser) -> dict[str, Any]:
    for name in _LISTS:
        if any(value.WhichOneof("kind") != "struct_value" for value in getattr(message, name).values):
            shown = message.DESCRIPTOR.fields_by_name[name].json_name
            raise invalid("INVALID_VALUE", f"{shown} must hold objects.", scim_type="invalidValue")
    further = {name: value for name, value in MessageToDict(message).items() if name not in _ELSEWHERE}
    parts = {name: part for name, part in further.pop("name", {}).items() if name not in ("givenName", "familyName")}
    return {**further, "name": parts} if parts else further


def _contacts(messages: Iterable[pb.CloudDirectoryEmail | pb.CloudDirectoryPhoneNumber]) -> tuple[Contact, ...]:
    return tuple(Contact(one.value, one.type, one.display, one.primary) for one in messages)


def _locked_until(message: pb.CloudDirectoryUser) -> int | None:
    try:
        return int(message.locked_until) if message.HasField("locked_until") else None
    except (ValueError, OverflowError) as error:  # NaN, infinity: protobuf's JSON can spell them
        raise invalid("INVALID_LOCKED_UNTIL", "lockedUntil must be a number.", scim_type="invalidValue") from error
