"""Parts of statements that follow groups in groups, upwards from a member or downwards from a group.

Each step looks one group up in an index that has the rows of groups alone and begins with the id that is known, and no
other index serves the condition: PostgreSQL, which without statistics takes each table for nearly empty, would else
read all members of the tenant for each row that it has found so far.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import CTE, ColumnElement, FromClause, Select, bindparam, literal_column, select

from ostiary.store.tables import GROUP, USER, GroupMember, one_of, table_of, unindexed

_MEMBERS = table_of(GroupMember)
_OF_TENANT = unindexed(_MEMBERS.c.tenant_id) == bindparam("of_tenant")


def of_kind(table: FromClause, kind: str) -> ColumnElement[bool]:
    """The condition that a holder or a member is of a kind, USER or GROUP, as a literal: partial indexes need it."""
    column = table.c.member_type if table is _MEMBERS else table.c.holder_type
    return column == literal_column(f"'{kind}'")


def with_nested(groups: Select[Any], name: str = "holders") -> CTE:
    """The ids of `groups`, a selection of one column `id`, and of all groups that they contain, each once."""
    found = groups.cte(name, recursive=True)
    # UNION, not UNION ALL: rows that another program wrote may hold a circle.
    return found.union(
        select(_MEMBERS.c.member_id).where(_OF_TENANT, _MEMBERS.c.group_id == found.c.id, of_kind(_MEMBERS, GROUP))
    )


def with_containing(groups: Select[Any], name: str = "holders") -> CTE:
    """The ids of `groups`, a selection of one column `id`, and of all groups that contain them, each once."""
    found = groups.cte(name, recursive=True)
    return found.union(
        select(_MEMBERS.c.group_id).where(_OF_TENANT, _MEMBERS.c.member_id == found.c.id, of_kind(_MEMBERS, GROUP))
    )


def users_of(groups: CTE) -> Select[tuple[str]]:
    """The ids of the users who are directly in any of `groups`; a user who is in two of them twice."""
    among = one_of(_MEMBERS.c.group_id, select(groups.c.id))
    return select(_MEMBERS.c.member_id.label("id")).where(_OF_TENANT, among, of_kind(_MEMBERS, USER))
