"""Directory users as App ID's messages."""

from __future__ import annotations

from typing import Any

from google.protobuf.json_format import ParseDict

from ostiary.clock import rfc3339
from ostiary.directory.passwords.lockout import is_locked
from ostiary.directory.users.confirmation import status_of
from ostiary.directory.users.contacts import Contact
from ostiary.directory.users.input import USER_SCHEMA
from ostiary.directory.users.users import UserView
from ostiary_api.appid.management.v4 import cloud_directory_users_pb2 as pb


def user_message(user: UserView, now_ms: int) -> pb.CloudDirectoryUser:
    """The user as App ID shows it: not active while locked; never a password."""
    message = _message(user)
    message.active = user.active and not is_locked(user, now_ms)
    return message


def _message(user: UserView) -> pb.CloudDirectoryUser:
    message = pb.CloudDirectoryUser(
        schemas=[USER_SCHEMA], id=user.id, user_name=user.user_name, display_name=user.display_name,
        active=user.active, status=status_of(user), locked_until=user.locked_until, locale=user.locale or None,
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


def _shown(contact: Contact) -> dict[str, Any]:
    return {
        "value": contact.value, "primary": contact.primary, "type": contact.type or None,
        "display": contact.display or None,
    }  # fmt: skip
