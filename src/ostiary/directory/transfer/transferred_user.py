"""A directory user in the file of an export or import: JSON of a documented form.

An import ignores all fields that are not read here: memberships, passwords in plain text; an id is stored only as the
one that the user had in its origin.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ostiary.directory.passwords.advanced_policies import MAX_REUSE
from ostiary.directory.passwords.foreign_hashes import scheme_name
from ostiary.directory.passwords.stored import StoredPassword
from ostiary.directory.profiles.attributes import attributes_text, check_attributes
from ostiary.directory.profiles.profiles import check_profile_id
from ostiary.directory.transfer.cipher import TransferCipher
from ostiary.directory.users.confirmation import is_confirmed
from ostiary.directory.users.contacts import check_texts
from ostiary.directory.users.document import user_json
from ostiary.directory.users.input import LATEST, NewUser, check_user
from ostiary.directory.users.message import new_user_of
from ostiary.directory.users.users import UserView
from ostiary.errors import DomainError, invalid
from ostiary.http.json_text import check_json
from ostiary.names import is_text

MAX_HISTORY = MAX_REUSE - 1
"""The number of a user's past passwords that are stored."""


@dataclass(frozen=True, slots=True)
class TransferredUser:
    """A user with what belongs to it. Hashes are as they are stored; the past ones newest first. `attributes` is a
    JSON object as text, `roles` are names; `sub` is the id that its profile is to have, empty for a new one.
    `left_out`: what of it is not taken, and why."""

    new: NewUser
    hash: str
    past: tuple[str, ...]
    changed_at: int | None
    valid_until: int | None
    attributes: str
    roles: tuple[str, ...]
    sub: str
    left_out: tuple[DomainError, ...]


def written_user(
    user: UserView, password: StoredPassword | None, past: Sequence[str], attributes: Any, roles: Sequence[str],
    cipher: TransferCipher, *, expires: bool,
) -> dict[str, Any]:  # fmt: skip
    """Returns a user as an export writes it. Its hashes are encrypted. `expires`: whether the tenant lets passwords
    expire; otherwise no expiry is written, since it would be in force where the file is imported."""
    phc = password.hash if password else ""
    moments = {
        "passwordUpdatedTimestamp": password.changed_at if password else None,
        "passwordExpirationTimestamp": password.ends_at(expires=expires) if password else None,
    }
    scim = {name: value for name, value in user_json(user).items() if name not in ("id", "originalId")}
    history = [{"passwordHash": cipher.encrypt(one, user.id), "hashAlgorithm": scheme_name(one)} for one in past]
    return {
        "scimUser": {
            "originalId": user.id,
            **scim,
            "passwordHistory": history,
            **{name: moment for name, moment in moments.items() if moment is not None},
        },
        "passwordHash": cipher.encrypt(phc, user.id),
        "passwordHashAlg": scheme_name(phc),
        "profile": {"attributes": attributes},
        "roles": list(roles),
        **_stated_facts(user),
    }


def read_user(document: Any, cipher: TransferCipher) -> TransferredUser:
    """A user of an import. Raises INVALID_VALUE, WRONG_ENCRYPTION_SECRET, and what `check_user`, `check_hash` and
    `check_attributes` raise. A past password whose hash is not taken is left out."""
    check_json(document)
    if not isinstance(document, dict) or not isinstance(document.get("scimUser"), dict):
        raise _malformed("Each of users must be an object with a scimUser.")
    scim = document["scimUser"]
    original_id = _text(scim, "originalId") or _text(scim, "id")  # users as the API shows them have their id only
    new = check_user(_with_facts(replace(new_user_of(scim), original_id=original_id), document))
    check_texts({"userName": new.user_name})
    past, left_out = _past(scim, original_id, cipher)
    return TransferredUser(
        new=new,
        hash=_hash(document, "passwordHash", "passwordHashAlg", original_id, cipher),
        past=past,
        changed_at=_moment(scim, "passwordUpdatedTimestamp"),
        valid_until=_moment(scim, "passwordExpirationTimestamp"),
        attributes=attributes_text(check_attributes(_attributes(document))),
        roles=tuple(_role(name) for name in _list(document, "roles")),
        sub=check_profile_id(sub) if (sub := _text(document, "sub")) else "",
        left_out=(*left_out, *_unread_passwords({**scim, **document})),
    )


def _with_facts(new: NewUser, document: dict[str, Any]) -> NewUser:
    """The user with what the entry says of the person, whatever App ID's `status` says: whether they may sign in, and
    whether their primary mail address is verified."""
    may_sign_in, verified = (_switch(document, name) for name in _FACTS)
    if may_sign_in is not None:
        new = replace(new, may_sign_in=may_sign_in)
    if verified is not None:
        new = replace(new, emails=tuple(replace(one, verified=verified and one.primary) for one in new.emails))
    return new


def _stated_facts(user: UserView) -> dict[str, bool]:
    """Facts of a user that App ID's `status` does not tell."""
    return {} if user.may_sign_in == is_confirmed(user) else {"maySignIn": user.may_sign_in}


def names_of(document: Any) -> dict[str, str]:
    """Returns the names that tell the caller which user of an import a message is about. They are unchecked input."""
    scim = document.get("scimUser") if isinstance(document, dict) else None
    if not isinstance(scim, dict):
        return {}
    emails = scim.get("emails")
    first = emails[0] if isinstance(emails, list) and emails and isinstance(emails[0], dict) else {}
    named = (
        ("originalId", scim.get("originalId") or scim.get("id")), ("id", scim.get("id")),
        ("userName", scim.get("userName")), ("email", first.get("value")),
    )  # fmt: skip
    return {name: value[:_SHOWN] for name, value in named if isinstance(value, str) and is_text(value)}


_SHOWN = 256
_FACTS = ("maySignIn", "emailVerified")
_KEYCLOAKS = {"secretData", "credentialData"}
_READ = _KEYCLOAKS | {
    "password", "passwordHash", "passwordHashAlg", "passwordHistory", "passwordUpdatedTimestamp",
    "passwordExpirationTimestamp",
}  # fmt: skip
"""The members about passwords that an import knows."""
_OF_A_PASSWORD = re.compile("password|passwd|credential", re.IGNORECASE)
_OF_THE_HASH = ("UNKNOWN_HASH", "HASH_TOO_EXPENSIVE", "HASH_ALGORITHM_MISMATCH", "WRONG_ENCRYPTION_SECRET")
"""Reasons for which one hash is not taken."""
MALFORMED = "INVALID_VALUE"
_OF_A_PAST_ONE = (*_OF_THE_HASH, MALFORMED)


def _hash(document: Any, field: str, algorithm: str, original_id: str, cipher: TransferCipher) -> str:
    """A hash, decrypted and known; empty where there is none, since not every user has a password."""
    if not isinstance(document, dict):
        raise _malformed("passwordHistory must hold objects with a passwordHash.")
    given = _credential(document, field)
    return cipher.accept(given, _text(document, algorithm), original_id) if given else ""


def _credential(document: dict[str, Any], field: str) -> str:
    """The hash as a text. Keycloak's credentials are objects, in the field or in the place of it."""
    value = document.get(field)
    if value is None and document.keys() >= _KEYCLOAKS:
        value = {name: document[name] for name in _KEYCLOAKS}
    return json.dumps(value, default=int) if isinstance(value, dict) else _text(document, field)


def _past(scim: dict[str, Any], original_id: str, cipher: TransferCipher) -> tuple[tuple[str, ...], list[DomainError]]:
    """The past hashes that can be compared with, and why the others cannot: none costs the user the import."""
    past, left_out = [], []
    for one in _list(scim, "passwordHistory")[:MAX_HISTORY]:
        try:
            past.append(_hash(one, "passwordHash", "hashAlgorithm", original_id, cipher))
        except DomainError as error:
            if error.reason not in _OF_A_PAST_ONE:
                raise
            message = f"A past password was left out: it may be used again. {error.message}"
            left_out.append(invalid(error.reason, message, scim_type="invalidValue"))
    return tuple(past), left_out


def _unread_passwords(members: dict[str, Any]) -> list[DomainError]:
    """Notes that the file contains a password which is not read: in plain text, or in a member of another name."""
    unread = []
    if members.get("password"):
        message = "A password in plain text was left out: an import takes hashes only, in passwordHash."
        unread.append(invalid("PLAIN_PASSWORD", message, scim_type="invalidValue"))
    read = _READ if members.keys() >= _KEYCLOAKS else _READ - _KEYCLOAKS
    for name, value in members.items():
        if value and name not in read and _OF_A_PASSWORD.search(name):
            message = f"{name[:_SHOWN]} was left out: an import reads the hash of a password in passwordHash only."
            unread.append(invalid("UNREAD_PASSWORD", message, scim_type="invalidValue"))
    return unread


def _attributes(document: dict[str, Any]) -> Any:
    given = _object(document, "profile").get("attributes")
    return {} if given is None else given


def _role(name: Any) -> str:
    if not isinstance(name, str):
        raise _malformed("roles must hold names.")
    return name


def _text(document: dict[str, Any], name: str) -> str:
    value = document.get(name)
    if value is not None and not isinstance(value, str):
        raise _malformed(f"{name} must be a text.")
    return value or ""


def _switch(document: dict[str, Any], name: str) -> bool | None:
    value = document.get(name)
    if value is not None and not isinstance(value, bool):
        raise _malformed(f"{name} must be true or false.")
    return value


def _list(document: dict[str, Any], name: str) -> list[Any]:
    value = document.get(name)
    if value is not None and not isinstance(value, list):
        raise _malformed(f"{name} must be a list.")
    return value or []


def _object(document: dict[str, Any], name: str) -> dict[str, Any]:
    value = document.get(name)
    if value is not None and not isinstance(value, dict):
        raise _malformed(f"{name} must be an object.")
    return value or {}


def _moment(document: dict[str, Any], name: str) -> int | None:
    value = document.get(name)
    if value is not None and (type(value) is not int or not 0 <= value < LATEST):
        raise _malformed(f"{name} must be a time in milliseconds since 1970, a whole number.")
    return value


def _malformed(message: str) -> DomainError:
    return invalid(MALFORMED, message, scim_type="invalidValue")
