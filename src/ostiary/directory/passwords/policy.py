"""Rules for new passwords: checked by the same code wherever a password is set."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from ostiary.directory.passwords.advanced_policies import ADVANCED_PASSWORDS
from ostiary.directory.passwords.passwords import encoded
from ostiary.directory.passwords.regex import PASSWORD_REGEX, check_password_regex
from ostiary.errors import invalid
from ostiary.names import folded
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work

SHORTEST_NAME = 3
"""Characters; a shorter name would be found in nearly every password."""


def check_new_password(work: Work, tenant: TenantView, password: str, names: Iterable[str]) -> None:
    """Raises INVALID_PASSWORD with what would be right, in the tenant's own words where it has chosen some, and
    PASSWORD_CONTAINS_NAME. `names`: the user name and mail addresses of whose password it is to be."""
    encoded(password)
    # The form that is hashed, so that no second spelling of a password passes where the first does not.
    check_password_regex(PASSWORD_REGEX.read(work, tenant), unicodedata.normalize("NFC", password))
    if ADVANCED_PASSWORDS.read(work, tenant).forbids_names and _holds_one(password, names):
        message = "The password must not contain the user name or the beginning of the mail address."
        raise invalid("PASSWORD_CONTAINS_NAME", message, scim_type="invalidValue")


def _holds_one(password: str, names: Iterable[str]) -> bool:
    words = {folded(part.strip()) for name in names for part in (name, name.rpartition("@")[0])}
    return any(len(word) >= SHORTEST_NAME and word in folded(password) for word in words)
