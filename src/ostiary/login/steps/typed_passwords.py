"""A new password as people type it: twice, so that a slip of the hand locks nobody out."""

from __future__ import annotations

from ostiary.directory.passwords.regex import BUILT_IN, PASSWORD_REGEX
from ostiary.errors import invalid
from ostiary.http.forms import Form
from ostiary.pages.texts import Texts, marked
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work

FIELDS = ("new_password", "new_password_again")


def typed_twice(form: Form) -> str:
    """The new password of a form. Raises MISSING_FIELD, PASSWORDS_DIFFER."""
    password = form.required("new_password")
    if password != form.get("new_password_again"):
        raise invalid("PASSWORDS_DIFFER", "The two passwords differ. Type the same one twice.")
    return password


def password_hint(work: Work, tenant: TenantView, texts: Texts) -> str:
    """What a page says of new passwords before one is typed; empty where the tenant has a pattern of its own, which
    says what it wants only when it is not met."""
    rule = PASSWORD_REGEX.read(work, tenant)
    return texts(marked("At least 8 characters.")) if rule.regex == BUILT_IN else ""
