"""Nesting of groups: a group is never within itself, directly or through others, and at most 32 groups deep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, func, literal, select

from ostiary.directory.roles.nesting import of_kind
from ostiary.errors import invalid
from ostiary.store.tables import GROUP, Group, GroupMember, table_of, unindexed
from ostiary.store.work import Work

MAX_DEPTH = 32
"""Groups that lie around one another between a user and the outermost group, that one not counted."""
_GROUPS, _MEMBERS = table_of(Group), table_of(GroupMember)


def _levels(found: ColumnElement[str], by: ColumnElement[str]) -> Any:
    """The groups reached from the groups `ids`, each with the number of steps to it; a group more than once if several
    ways of different length lead to it. The number is bounded, so that a circle in the store does not go on."""
    of_tenant = unindexed(_GROUPS.c.tenant_id) == bindparam("of_tenant")
    first = select(_GROUPS.c.id.label("id"), literal(0).label("steps")).where(
        of_tenant, _GROUPS.c.id.in_(bindparam("ids", expanding=True))
    )
    levels = first.cte("levels", recursive=True)
    return levels.union(
        select(found, levels.c.steps + 1).where(
            unindexed(_MEMBERS.c.tenant_id) == bindparam("of_tenant"),
            by == levels.c.id, of_kind(_MEMBERS, GROUP), levels.c.steps <= MAX_DEPTH,
        )
    )  # fmt: skip


_ABOVE = _levels(_MEMBERS.c.group_id, _MEMBERS.c.member_id)
_BELOW = _levels(_MEMBERS.c.member_id, _MEMBERS.c.group_id)
_AROUND: Select[Any] = select(_ABOVE.c.id, func.max(_ABOVE.c.steps).label("steps")).group_by(_ABOVE.c.id)
_DEEPEST: Select[Any] = select(func.max(_BELOW.c.steps).label("steps"))


def refuse_circle(work: Work, tenant_id: str, group_id: str, inner_ids: Sequence[str]) -> None:
    """Raises GROUP_CIRCLE where one of the groups `inner_ids` is the group `group_id` or contains it, and
    NESTED_TOO_DEEPLY where groups would nest deeper than MAX_DEPTH. To be asked behind `lock_rights`."""
    if not inner_ids:
        return
    around = {row.id: row.steps for row in work.rows(_AROUND, {"of_tenant": tenant_id, "ids": [group_id]})}
    if not around.keys().isdisjoint(inner_ids):
        raise invalid("GROUP_CIRCLE", "A group cannot be within itself.", scim_type="invalidValue")
    deepest = work.row(_DEEPEST, {"of_tenant": tenant_id, "ids": list(inner_ids)})
    below = deepest.steps if deepest is not None and deepest.steps is not None else 0
    if max(around.values(), default=0) + 1 + below > MAX_DEPTH:
        raise invalid("NESTED_TOO_DEEPLY", f"Groups nest at most {MAX_DEPTH} deep.", scim_type="invalidValue")
