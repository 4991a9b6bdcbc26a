"""Input about a directory user, checked before anything slow begins and before anything is stored."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ostiary.directory.users.contacts import Contact, check_texts, email_keys, one_primary, primary_of
from ostiary.errors import invalid
from ostiary.names import MAX_NAME, email_key, name_key

USER_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
"""URNs of what describes users (RFC 7643 §4.1, §4.3)."""
MAX_DOCUMENT = 32_768
KEPT = ("description",)
"""Members of `Description.further` that are no attributes of SCIM: who replaces the others leaves them as they are."""
LATEST = 1 << 53
"""Milliseconds; what every JSON reader can still hold as a number."""


@dataclass(frozen=True, slots=True)
class Description:
    """Attributes that describe a user and give no rights.

    `further` holds attributes of RFC 7643 §4.1 and §4.3 that no query asks for, under their JSON names, with
    `name.formatted`, `name.middleName` and the honorifics under `name`.
    """

    display_name: str = ""
    given_name: str = ""
    family_name: str = ""
    locale: str = ""
    phones: Sequence[Contact] = ()
    names_itself: bool = True
    """Whether a display name that is empty becomes that of the parts of the name, or the mail address."""
    further: Mapping[str, Any] = field(default_factory=dict)

    @property
    def formatted_name(self) -> str:
        """The name as one text (RFC 7643 §4.1.1): as it was given, else made of its parts."""
        return formatted_name(self.given_name, self.family_name, self.further)


@dataclass(frozen=True, slots=True)
class NewUser(Description):
    """A user who is to be created.

    `user_name` defaults to the primary mail address; `display_name` to the formatted name, else to the mail address.
    `may_sign_in`: whether the user may sign in although no address of theirs is verified; each address says whether it
    is.
    """

    emails: Sequence[Contact] = ()
    user_name: str = ""
    active: bool = True
    may_sign_in: bool = False
    locked_until: int | None = None
    original_id: str = ""
    """The directory id that an imported user had in its origin."""

    @property
    def email_verified(self) -> bool:
        """Whether the primary mail address is verified."""
        primary = primary_of(one_primary("emails", self.emails))
        return primary is not None and primary.verified


@dataclass(frozen=True, slots=True)
class UserChange(Description):
    """A new description of a user. Of the rest, what is None stays as it is; `active=True` unlocks, and so does
    `unlocks`.

    `confirmed`: True lets the user sign in and has the primary mail address verified, False takes both back.
    """

    emails: Sequence[Contact] | None = None
    user_name: str | None = None
    active: bool | None = None
    confirmed: bool | None = None
    locked_until: int | None = None
    unlocks: bool = False


def formatted_name(given_name: str, family_name: str, further: Mapping[str, Any]) -> str:
    """The name as one text: `further` may hold it."""
    return str(further.get("name", {}).get("formatted", "")) or f"{given_name} {family_name}".strip()


def check_user(new: NewUser) -> NewUser:
    """Returns its argument, or raises INVALID_EMAIL, EMAIL_MISSING, INVALID_USERNAME, INVALID_LOCKED_UNTIL,
    TEXT_TOO_LONG, or what `one_primary` raises."""
    for email in one_primary("emails", new.emails):
        email_key(email.value)
    if not new.emails and not new.user_name:
        raise invalid("EMAIL_MISSING", "emails must hold a mail address.", scim_type="invalidValue")
    _check(new, new.user_name or None)
    return new


def check_change(change: UserChange) -> UserChange:
    """Checks a change like a new user, but the mail addresses may be left out."""
    email_keys(one_primary("emails", change.emails or ()))
    _check(change, change.user_name)
    return change


def _check(user: NewUser | UserChange, user_name: str | None) -> None:
    one_primary("phoneNumbers", user.phones)
    if user_name is not None:
        _check_user_name(user_name)
    if user.locked_until is not None and not 0 <= user.locked_until < LATEST:
        message = "lockedUntil must be a time in milliseconds since 1970."
        raise invalid("INVALID_LOCKED_UNTIL", message, scim_type="invalidValue")
    check_texts(
        {
            "displayName": user.display_name,
            "name.givenName": user.given_name,
            "name.familyName": user.family_name,
            "locale": user.locale,
            "originalId": user.original_id if isinstance(user, NewUser) else "",
        }
    )
    if len(json.dumps(user.further)) > MAX_DOCUMENT:
        message = f"The further attributes of a user have at most {MAX_DOCUMENT} characters as JSON."
        raise invalid("TEXT_TOO_LONG", message, scim_type="invalidValue")


def _check_user_name(name: str) -> None:
    controls = any(ord(character) < 0x20 or ord(character) == 0x7F for character in name)
    if not name_key(name) or len(name) > MAX_NAME or controls:
        message = f"userName must have 1 to {MAX_NAME} characters and no line breaks."
        raise invalid("INVALID_USERNAME", message, scim_type="invalidValue")
