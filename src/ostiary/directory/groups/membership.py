"""Groups of directory users, and the groups that a user belongs to: directly, or because a group contains another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import and_, bindparam, exists, select

from ostiary.store.tables import Group, GroupMember, table_of
from ostiary.store.work import Work

_GROUPS, _MEMBERS = table_of(Group), table_of(GroupMember)


@dataclass(frozen=True, slots=True)
class BelongsTo:
    """A group to which a user belongs; `direct` is false if the user belongs to it only by nesting."""

    id: str
    display_name: str
    direct: bool


_DIRECT = (
    select(_MEMBERS.c.member_id.label("user_id"), _MEMBERS.c.group_id)
    .where(_MEMBERS.c.tenant_id == bindparam("of_tenant"), _MEMBERS.c.member_id.in_(bindparam("ids", expanding=True)))
    .cte("belongs", recursive=True)
)
# UNION, not UNION ALL: groups may contain one another in a circle.
_BELONGS = _DIRECT.union(
    select(_DIRECT.c.user_id, _MEMBERS.c.group_id).where(
        _MEMBERS.c.tenant_id == bindparam("of_tenant"), _MEMBERS.c.member_id == _DIRECT.c.group_id
    )
)
_OF_USERS = (
    select(
        _BELONGS.c.user_id, _GROUPS.c.id, _GROUPS.c.display_name,
        exists().where(
            and_(_MEMBERS.c.group_id == _GROUPS.c.id, _MEMBERS.c.member_id == _BELONGS.c.user_id)
        ).label("direct"),
    )
    .join(_GROUPS, _GROUPS.c.id == _BELONGS.c.group_id)
    .where(_GROUPS.c.tenant_id == bindparam("of_tenant"))
    .order_by(_GROUPS.c.display_name_key, _GROUPS.c.id)
)  # fmt: skip


def groups_of_users(work: Work, tenant_id: str, user_ids: Sequence[str]) -> Mapping[str, Sequence[BelongsTo]]:
    """The groups of each of these users, sorted by name; one query however deep the groups nest."""
    found: dict[str, list[BelongsTo]] = {user_id: [] for user_id in user_ids}
    for row in work.rows(_OF_USERS, {"of_tenant": tenant_id, "ids": list(user_ids)}) if user_ids else ():
        found[row.user_id].append(BelongsTo(row.id, row.display_name, bool(row.direct)))
    return found
