"""A directory user as a JSON object: what the directory says of a person in profiles, claims and exports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from ostiary.clock import rfc3339
from ostiary.directory.users.confirmation import status_of
from ostiary.directory.users.contacts import Contact
from ostiary.directory.users.input import ENTERPRISE, USER_SCHEMA
from ostiary.directory.users.users import UserView

_NAME = ("formatted", "givenName", "familyName", "middleName", "honorificPrefix", "honorificSuffix")
_ABOUT = ("nickName", "profileUrl", "title", "userType", "preferredLanguage")
_LISTS = ("ims", "photos", "addresses", "x509Certificates")
_OF_ENTERPRISE = ("employeeNumber", "costCenter", "organization", "division", "department", "manager")
_OF_MANAGER = ("value", "displayName")


@lru_cache(maxsize=1_024)
def user_document(user: UserView) -> Mapping[str, Any]:
    """The user as a JSON object, remembered, since every request for `/userinfo` asks for it."""
    return user_json(user)


def user_json(user: UserView) -> dict[str, Any]:
    """The user as a JSON object: `active` as it is set, whether locked or not; never a password."""
    further = user.further
    written: dict[str, Any] = {
        "schemas": [USER_SCHEMA],
        "id": user.id,
        "userName": user.user_name,
        "displayName": user.display_name,
        "name": _name(user, further.get("name")),
        "emails": [_contact(email) for email in user.emails] or None,
        "phoneNumbers": [_contact(phone) for phone in user.phones] or None,
        **_chosen(further, _ABOUT),
        "locale": user.locale or None,
        "timezone": further.get("timezone"),
        "active": user.active,
        "lockedUntil": user.locked_until,
        "status": status_of(user),
        **_chosen(further, _LISTS),
        ENTERPRISE: _enterprise(further.get(ENTERPRISE)),
        "mfaContext": {} if user.last_login else None,
        "meta": _meta(user),
        "originalId": user.original_id or None,
    }
    document = {name: value for name, value in written.items() if value is not None}
    for name in ("emails", "phoneNumbers"):
        document.setdefault(name, [])
    return document


def _name(user: UserView, parts: Mapping[str, Any] | None) -> dict[str, Any] | None:
    formatted = user.formatted_name
    if not formatted:
        return None if parts is None else _chosen(parts, _NAME)
    said = {"formatted": formatted, "givenName": user.given_name, "familyName": user.family_name}
    return _chosen({**(parts or {}), **{name: part for name, part in said.items() if part}}, _NAME)


def _contact(contact: Contact) -> dict[str, Any]:
    said = {"value": contact.value, "primary": contact.primary, "type": contact.type, "display": contact.display}
    return {
        **{name: value for name, value in said.items() if value},
        "value": contact.value,
        "primary": contact.primary,
    }


def _enterprise(extension: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if extension is None:
        return None
    said = _chosen(extension, _OF_ENTERPRISE)
    return {**said, "manager": _chosen(said["manager"], _OF_MANAGER)} if "manager" in said else said


def _meta(user: UserView) -> dict[str, str]:
    return {
        "created": rfc3339(user.created_at),
        "lastModified": rfc3339(user.modified_at),
        **({"lastLogin": rfc3339(user.last_login)} if user.last_login else {}),
        "location": f"/v1/{user.tenant_id}/Users/{user.id}",
        "resourceType": "User",
    }


def _chosen(members: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: members[name] for name in names if members.get(name) is not None}
