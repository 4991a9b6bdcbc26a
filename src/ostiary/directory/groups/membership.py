"""Members of groups, and the groups that a user belongs to: directly, or because a group contains another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import and_, bindparam, delete, exists, select

from ostiary.directory.roles.granting import Giver, Holder, check_holder, lock_rights
from ostiary.directory.roles.nesting import of_kind
from ostiary.directory.roles.permissions import refuse_beyond
from ostiary.directory.roles.rights import permissions_of_group
from ostiary.store.tables import GROUP, Group, GroupMember, table_of, unindexed
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
        unindexed(_MEMBERS.c.tenant_id) == bindparam("of_tenant"),
        _MEMBERS.c.member_id == _DIRECT.c.group_id,
        of_kind(_MEMBERS, GROUP),
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


def add_member(work: Work, tenant_id: str, group_id: str, member: Holder, giver: Giver, now_ms: int) -> bool:
    """Puts a user or a group into a group, and so gives it the group's roles. Says whether it was outside.

    Raises GROUP_NOT_FOUND, USER_NOT_FOUND, and FORBIDDEN where the group, or one that it belongs to, permits more than
    `giver` may do.
    """
    _check_group(work, tenant_id, group_id, giver, now_ms)
    check_holder(work, tenant_id, member)
    row = {"tenant_id": tenant_id, "group_id": group_id, "member_id": member.id, "member_type": member.kind}
    return work.insert_new(_MEMBERS, row)


def remove_member(work: Work, tenant_id: str, group_id: str, member: Holder, giver: Giver, now_ms: int) -> bool:
    """Takes a member out of a group, and so takes the group's roles. Says whether it was inside. Raises as above."""
    _check_group(work, tenant_id, group_id, giver, now_ms)
    inside = (_MEMBERS.c.group_id == group_id, _MEMBERS.c.member_id == member.id, _MEMBERS.c.member_type == member.kind)
    return work.run(delete(_MEMBERS).where(_MEMBERS.c.tenant_id == tenant_id, *inside)) > 0


def _check_group(work: Work, tenant_id: str, group_id: str, giver: Giver, now_ms: int) -> None:
    lock_rights(work, tenant_id)
    refuse_beyond(giver(work), permissions_of_group(work, tenant_id, group_id, now_ms))
    check_holder(work, tenant_id, Holder(group_id, GROUP))
