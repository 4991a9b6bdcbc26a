"""Search for users by parts of their names and mail addresses, whatever the case: of all, or of those of a group."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, func, literal, or_, select

from ostiary.directory.roles.nesting import users_of, with_nested
from ostiary.directory.users.users import BY_USER_NAME, COLUMNS, UserView, views_of
from ostiary.errors import invalid
from ostiary.names import folded
from ostiary.store.comparing import contains, json_text
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
    conditions = containing(tenant_id, parts)
    if not conditions:
        raise invalid("SEARCH_TERM_MISSING", "Say what to search for: a part of a name or of a mail address.")
    found = select(*COLUMNS).where(_USERS.c.tenant_id == tenant_id, *conditions).order_by(*BY_USER_NAME).limit(MOST)
    return views_of(work, tenant_id, work.rows(found))


def list_users_of_group(
    work: Work, tenant_id: str, group_id: str, parts: Parts, *, direct: bool, start: int = 1, count: int = 100
) -> tuple[Sequence[UserView], int]:  # fmt: skip
    """Returns one page of the users who are in a group, each once, by user name, and how many there are in all.

    `direct` leaves out those who are only in groups within it. `start` counts from 1. An unknown group has none.
    """
    group = select(literal(group_id).label("id"))
    inside = users_of(group.cte("holders") if direct else with_nested(group)).distinct().cte("inside")
    chosen = (unindexed(_USERS.c.tenant_id) == tenant_id, *containing(tenant_id, parts))
    found = select(*BY_USER_NAME).join(inside, inside.c.id == _USERS.c.id).where(*chosen).cte("found")
    total = select(func.count()).select_from(found).scalar_subquery()
    # Names and ids alone are sorted; whole rows are read of one page.
    ids = select(found.c.id, total.label("total")).order_by(found.c.user_name_key, found.c.id)
    part = ids.offset(max(start, 1) - 1).limit(count).subquery("part")
    page = select(*COLUMNS, part.c.total).join(part, part.c.id == _USERS.c.id).order_by(*BY_USER_NAME)
    asked = {"of_tenant": tenant_id}
    rows = work.rows(page, asked)
    if rows:
        return views_of(work, tenant_id, rows), rows[0].total
    counted = work.row(select(total.label("total")), asked)
    return [], counted.total if counted is not None else 0


def containing(tenant_id: str, parts: Parts) -> list[ColumnElement[bool]]:
    """The conditions that a user of the table `users` contains these parts; none for no parts."""
    given = {"givenName": parts.given_name, "familyName": parts.family_name}
    conditions = [_in_name(name, folded(part)) for name, part in given.items() if part]
    if parts.email:
        conditions.append(_in_email(tenant_id, folded(parts.email)))
    if parts.anywhere:
        conditions.append(_anywhere(tenant_id, folded(parts.anywhere)))
    return conditions


def _anywhere(tenant_id: str, part: str) -> ColumnElement[bool]:
    names = (_in_name(name, part) for name in ("givenName", "familyName"))
    return or_(contains(_USERS.c.user_name_key, part), *names, _in_email(tenant_id, part))


def _in_email(tenant_id: str, part: str) -> ColumnElement[bool]:
    of_user = (unindexed(_EMAILS.c.tenant_id) == tenant_id, _EMAILS.c.user_id == _USERS.c.id)
    return select(_EMAILS.c.user_id).where(*of_user, contains(_EMAILS.c.value_key, part)).exists()


def _in_name(name: str, part: str) -> ColumnElement[bool]:
    """Names are in a JSON document, which is read only where its text has the part in it: that costs a tenth."""
    written = json.dumps(part)[1:-1]
    return and_(contains(_USERS.c.searched, written), contains(json_text(_USERS.c.searched, "name", name), part))
