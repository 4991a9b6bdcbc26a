"""Users of a group and of the groups within it, in pages."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, literal, select

from ostiary.directory.roles.nesting import users_of, with_nested
from ostiary.directory.users.containing import Parts, containing
from ostiary.directory.users.users import BY_USER_NAME, COLUMNS, UserView, views_of
from ostiary.store.tables import Group, User, table_of, unindexed
from ostiary.store.work import Work

_USERS, _GROUPS = table_of(User), table_of(Group)


def list_users_of_group(
    work: Work, tenant_id: str, group_id: str, parts: Parts, *, direct: bool, start: int = 1, count: int = 100
) -> tuple[Sequence[UserView], int]:  # fmt: skip
    """Returns one page of the users who are in a group, each once, by user name, and how many there are in all.

    `direct` leaves out those who are only in groups within it. `start` counts from 1. An unknown group has none.
    """
    group = select(literal(group_id).label("id"))
    inside = users_of(group.cte("holders") if direct else with_nested(group)).distinct().cte("inside")
    chosen = (unindexed(_USERS.c.tenant_id) == tenant_id, *containing(tenant_id, parts))
    found = select(_USERS.c.id).join(inside, inside.c.id == _USERS.c.id).where(*chosen).cte("found")
    total = select(func.count()).select_from(found).scalar_subquery()
    page = select(*COLUMNS, total.label("total")).join(found, found.c.id == _USERS.c.id).order_by(*BY_USER_NAME)
    asked = {"of_tenant": tenant_id}
    rows = work.rows(page.offset(max(start, 1) - 1).limit(count), asked)
    if rows:
        return views_of(work, tenant_id, rows), rows[0].total
    counted = work.row(select(total.label("total")), asked)
    return [], counted.total if counted is not None else 0
