"""What a new password must look like: one piece of code wherever a password is set."""

from __future__ import annotations

import unicodedata

from ostiary.directory.password_regex import PASSWORD_REGEX, check_password_regex
from ostiary.directory.passwords import encoded
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work


def check_new_password(work: Work, tenant: TenantView, password: str) -> None:
    """Raises INVALID_PASSWORD with what would be right, in the tenant's own words where it has chosen some."""
    encoded(password)
    # The form that is hashed, so that no second spelling of a password passes where the first does not.
    check_password_regex(PASSWORD_REGEX.read(work, tenant), unicodedata.normalize("NFC", password))
