"""Conversion between a directory user and App ID's message.

Attributes that no query asks for are the fields of the message without a place of their own in `Description`: to take
one more attribute of RFC 7643, add it to the proto.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict

from ostiary.clock import rfc3339
from ostiary.directory.passwords.lockout import is_locked
from ostiary.directory.users.contacts import Contact
from ostiary.directory.users.input import PENDING, NewUser, UserChange
from ostiary.directory.users.users import UserView
from ostiary.errors import invalid
from ostiary_api.appid.management.v4 import cloud_directory_users_pb2 as pb

USER_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:User"
_LISTS = ("ims", "photos", "addresses", "x509_certificates")
_ELSEWHERE = frozenset({
    "schemas", "id", "userName", "displayName", "emails", "phoneNumbers", "locale", "active", "lockedUntil", "status",
    "password", "mfaContext", "meta", "profileId", "originalId",
})  # fmt: skip
"""Fields that have a place of their own, or that only we write."""


def new_user(message: pb.CloudDirectoryUser) -> NewUser:
    """Reads the user that a caller wants to create. Raises INVALID_VALUE, INVALID_LOCKED_UNTIL."""
    return NewUser(
        **_description(message), emails=_contacts(message.emails), user_name=message.user_name,
        active=message.active if message.HasField("active") else True, status=message.status or PENDING,
        locked_until=_locked_until(message),
    )  # fmt: skip


def user_change(message: pb.CloudDirectoryUser) -> UserChange:
    """Reads what a caller wants to change of a user. Raises INVALID_VALUE, INVALID_LOCKED_UNTIL, EMAIL_MISSING."""
    if not message.emails:
        raise invalid("EMAIL_MISSING", "emails must hold the user's mail address.", scim_type="invalidValue")
    return UserChange(
        **_description(message), emails=_contacts(message.emails),
        user_name=message.user_name if message.HasField("user_name") else None,
        active=message.active if message.HasField("active") else None,
        status=message.status if message.HasField("status") else None, locked_until=_locked_until(message),
    )  # fmt: skip


def user_message(user: UserView, now_ms: int) -> pb.CloudDirectoryUser:
    """The user as App ID shows it: not active while locked; never a password."""
    message = _message(user)
    message.active = user.active and not is_locked(user, now_ms)
    return message


def _message(user: UserView) -> pb.CloudDirectoryUser:
    message = pb.CloudDirectoryUser(
        schemas=[USER_SCHEMA], id=user.id, user_name=user.user_name, display_name=user.display_name,
        active=user.active, status=user.status, locked_until=user.locked_until, locale=user.locale or None,
        emails=[pb.CloudDirectoryEmail(**_shown(email)) for email in user.emails],
        phone_numbers=[pb.CloudDirectoryPhoneNumber(**_shown(phone)) for phone in user.phones],
        mfa_context=pb.CloudDirectoryMfaContext() if user.last_login else None,
        meta=pb.CloudDirectoryMeta(
            created=rfc3339(user.created_at), last_modified=rfc3339(user.modified_at), resource_type="User",
            location=f"/v1/{user.tenant_id}/Users/{user.id}",
            last_login=rfc3339(user.last_login) if user.last_login else None,
        ),
        original_id=user.original_id or None,
    )  # fmt: skip
    further = user.further
    if further:
        ParseDict(further, message, ignore_unknown_fields=True)
    formatted = user.formatted_name
    if formatted:
        name = {"given_name": user.given_name or None, "family_name": user.family_name or None}
        message.name.MergeFrom(pb.CloudDirectoryName(formatted=formatted, **name))
    return message


@lru_cache(maxsize=1_024)
def user_document(user: UserView) -> dict[str, Any]:
    """The user as a JSON object.

    Remembered, since every request for `/userinfo` asks for it and writing it down takes longer than reading the user;
    so treat it as immutable.
    """
    return user_json(user)


def user_json(user: UserView) -> dict[str, Any]:
    """The user as a JSON object, `active` as it is set whether locked or not, `lockedUntil` a whole number."""
    document = MessageToDict(_message(user), always_print_fields_with_no_presence=True)
    return document if user.locked_until is None else {**document, "lockedUntil": user.locked_until}


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


def _shown(contact: Contact) -> dict[str, Any]:
    return {
        "value": contact.value, "primary": contact.primary, "type": contact.type or None,
        "display": contact.display or None,
    }  # fmt: skip


def _locked_until(message: pb.CloudDirectoryUser) -> int | None:
    try:
        return int(message.locked_until) if message.HasField("locked_until") else None
    except (ValueError, OverflowError) as error:  # NaN, infinity: protobuf's JSON can spell them
        raise invalid("INVALID_LOCKED_UNTIL", "lockedUntil must be a number.", scim_type="invalidValue") from error
