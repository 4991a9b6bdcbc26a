"""Search for users by parts of their names and mail addresses, whatever the case."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Column, ColumnElement, and_, func, or_, select

from ostiary.directory.users.users import BY_USER_NAME, COLUMNS, UserView, views_of
from ostiary.errors import invalid
from ostiary.names import folded
from ostiary.store.tables import User, UserEmail, table_of, unindexed
from ostiary.store.work import Work

MOST = 20
"""Users that a search returns."""
_USERS, _EMAILS = table_of(User), table_of(UserEmail)


@dataclass(frozen=True, slots=True)
class Parts:
    """What users must contain, all that is not empty: `anywhere` in the user name, the given name, the family name or a
    mail address, the others where their names say."""

    anywhere: str = ""
    given_name: str = ""
    family_name: str = ""
    email: str = ""


def search_users(work: Work, tenant_id: str, parts: Parts) -> list[UserView]:
    """The first `MOST` users that contain these parts, by user name. Raises SEARCH_TERM_MISSING (400)."""
    conditions = [*_conditions(tenant_id, parts)]
    if not conditions:
        raise invalid("SEARCH_TERM_MISSING", "Say what to search for: a part of a name or of a mail address.")
    found = select(*COLUMNS).where(_USERS.c.tenant_id == tenant_id, *conditions).order_by(*BY_USER_NAME).limit(MOST)
    return views_of(work, tenant_id, work.rows(found))


def _conditions(tenant_id: str, parts: Parts) -> list[ColumnElement[bool]]:
    given = {"given_name": parts.given_name, "family_name": parts.family_name}
    conditions = [_in_name(_USERS.c[name], part) for name, part in given.items() if part]
    if parts.email:
        conditions.append(_in_email(tenant_id, parts.email))
    if parts.anywhere:
        conditions.append(_anywhere(tenant_id, parts.anywhere))
    return conditions


def _anywhere(tenant_id: str, part: str) -> ColumnElement[bool]:
    names = (_in_name(_USERS.c.given_name, part), _in_name(_USERS.c.family_name, part))
    return or_(_USERS.c.user_name_key.contains(folded(part), autoescape=True), *names, _in_email(tenant_id, part))


def _in_email(tenant_id: str, part: str) -> ColumnElement[bool]:
    holds = and_(
        unindexed(_EMAILS.c.tenant_id) == tenant_id,
        _EMAILS.c.user_id == _USERS.c.id,
        _EMAILS.c.value_key.contains(folded(part), autoescape=True),
    )
    return select(_EMAILS.c.user_id).where(holds).exists()


def _in_name(column: Column[str], part: str) -> ColumnElement[bool]:
    """Names are stored as they are written. SQLite folds only ASCII, so that the usual spellings are asked for, too."""
    spellings = {part, part.lower(), part.upper(), part.title(), folded(part)}
    spelled = [column.contains(spelling, autoescape=True) for spelling in sorted(spellings)]
    return or_(func.lower(column).contains(part.lower(), autoescape=True), *spelled)
