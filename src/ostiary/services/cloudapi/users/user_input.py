"""Users as clients of cloudapi describe them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ostiary.directory.roles.permissions import role_too_small
from ostiary.directory.users.contacts import Contact
from ostiary.directory.users.input import ENTERPRISE, NewUser, UserChange
from ostiary.directory.users.users import UserView
from ostiary.errors import invalid
from ostiary.ids import guid
from ostiary.names import login_key
from ostiary.services.cloudapi.users.user_messages import full_name_of
from ostiary_api.cloudapi.v1 import cloudapi_users_pb2 as pb

UNKNOWN_PASSWORD = "******"
_TEXTS = ("username", "given_name", "family_name", "description", "email", "phone")


def password_of(asked: pb.User) -> str:
    """The password that is to be set; empty for none."""
    return "" if asked.password == UNKNOWN_PASSWORD else asked.password


def check_new(asked: pb.User) -> None:
    """Raises ROLE_MISSING, CANNOT_LOCK."""
    if asked.locked:
        raise _cannot_lock()
    if not asked.role_entity_refs and not asked.inherit_group_roles:
        raise role_missing()


def new_user(asked: pb.User) -> NewUser:
    """The user that is to be created."""
    return NewUser(
        user_name=asked.username, display_name=asked.full_name, given_name=asked.given_name,
        family_name=asked.family_name, emails=_with_email((), asked.email), phones=_with_phone((), asked.phone),
        active=asked.enabled if asked.HasField("enabled") else True, may_sign_in=True, further=_further({}, asked),
    )  # fmt: skip


def change_of(user: UserView, asked: pb.User, *, is_locked: bool) -> UserChange:
    """The change of a user that an administrator asks for. Raises CANNOT_LOCK."""
    if asked.locked and not is_locked:
        raise _cannot_lock()
    email = None if _same(asked, "email", user.email) else _with_email(user.emails, asked.email)
    phone = next((one.value for one in user.phones if one.primary), "")
    return UserChange(
        display_name=asked.full_name if _says(asked, "full_name", full_name_of(user)) else user.display_name,
        given_name=asked.given_name if asked.HasField("given_name") else user.given_name,
        family_name=asked.family_name if asked.HasField("family_name") else user.family_name,
        locale=user.locale, emails=email,
        phones=user.phones if _same(asked, "phone", phone) else _with_phone(user.phones, asked.phone),
        further=_further(user.further, asked), user_name=asked.username,
        active=asked.enabled if _says(asked, "enabled", user.active) else None,
        unlocks=is_locked and asked.HasField("locked") and not asked.locked,
    )  # fmt: skip


def refuse_other_changes(shown: pb.User, asked: pb.User) -> None:
    """Raises FORBIDDEN where a request says anything else than what is, but for the password: `shown` is the user."""
    for name in (*_TEXTS, "full_name", "enabled", "locked"):
        if _says(asked, name, getattr(shown, name)):
            raise role_too_small()
    if asked.role_entity_refs and _named(asked) != _named(shown):
        raise role_too_small()
    if asked.HasField("manager_entity_ref") and asked.manager_entity_ref.id != shown.manager_entity_ref.id:
        raise role_too_small()


def role_missing() -> Exception:
    """Returns the error for a user who would have no role."""
    message = "roleEntityRefs must name a role, unless inheritGroupRoles is true."
    return invalid("ROLE_MISSING", message)


def _cannot_lock() -> Exception:
    return invalid("CANNOT_LOCK", "locked can only be set to false: to keep a user out, set enabled to false.")


def _named(user: pb.User) -> set[str]:
    return {guid(one.id, "role") or one.name for one in user.role_entity_refs}


def _says(asked: pb.User, name: str, held: str | bool) -> bool:
    """Whether a request says something else of a field than what is."""
    return asked.HasField(name) and getattr(asked, name) != held  # type: ignore[arg-type]


def _same(asked: pb.User, name: str, held: str) -> bool:
    return not _says(asked, name, held)


def _with_email(emails: Sequence[Contact], address: str) -> tuple[Contact, ...]:
    """The mail addresses with another primary one; an empty one takes the primary one away."""
    others = [one for one in emails if not one.primary and login_key(one.value) != login_key(address)]
    first = [Contact(address, primary=True, verified=True)] if address else []
    return (*first, *others)


def _with_phone(phones: Sequence[Contact], number: str) -> tuple[Contact, ...]:
    former = next((one for one in phones if one.primary), Contact(""))
    others = [one for one in phones if not one.primary]
    return (*([replace(former, value=number, primary=True)] if number else []), *others)


def _further(held: Mapping[str, Any], asked: pb.User) -> dict[str, Any]:
    further = dict(held)
    if asked.HasField("description"):
        further["description"] = asked.description
    if asked.HasField("manager_entity_ref"):
        extension = {name: value for name, value in held.get(ENTERPRISE, {}).items() if name != "manager"}
        further[ENTERPRISE] = {**extension, **_manager(asked)}
    return further


def _manager(asked: pb.User) -> dict[str, Any]:
    named = asked.manager_entity_ref
    if not named.id:
        return {}
    value = guid(named.id, "user")
    if not value:
        raise invalid("INVALID_MANAGER", "managerEntityRef.id must be a user's, such as urn:vcloud:user:<GUID>.")
    return {"manager": {"value": value, **({"displayName": named.name} if named.name else {})}}
