"""Members of groups, and the groups that a user belongs to: directly, or because a group contains another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, TypeVar

from sqlalchemy import Select, and_, bindparam, delete, exists, insert, select, update

from ostiary.directory.groups.circles import refuse_circle
from ostiary.directory.roles.granting import Giver, Holder, check_holder, check_holders, lock_rights
from ostiary.directory.roles.nesting import of_kind
from ostiary.directory.roles.permissions import Rights, refuse_beyond, refuse_longer
from ostiary.directory.roles.rights import rights_of_group
from ostiary.store.listed import listed
from ostiary.store.prepared import prepared
from ostiary.store.tables import GROUP, Group, GroupMember, table_of, unindexed
from ostiary.store.work import Work

_GROUPS, _MEMBERS = table_of(Group), table_of(GroupMember)


@dataclass(frozen=True, slots=True)
class BelongsTo:
    """A group to which a user belongs; `direct` is false if the user belongs to it only by nesting."""

    id: str
    display_name: str
    direct: bool


def _groups_of_users() -> Select[Any]:
    direct = (
        select(_MEMBERS.c.member_id.label("user_id"), _MEMBERS.c.group_id)
        .where(_MEMBERS.c.tenant_id == bindparam("of_tenant"), listed(_MEMBERS.c.member_id, "ids"))
        .cte("belongs", recursive=True)
    )
    belongs = direct.union(
        select(direct.c.user_id, _MEMBERS.c.group_id).where(
            unindexed(_MEMBERS.c.tenant_id) == bindparam("of_tenant"),
            _MEMBERS.c.member_id == direct.c.group_id,
            of_kind(_MEMBERS, GROUP),
        )
    )
    inside = and_(_MEMBERS.c.group_id == _GROUPS.c.id, _MEMBERS.c.member_id == belongs.c.user_id)
    return (
        select(
            belongs.c.user_id, _GROUPS.c.id, _GROUPS.c.display_name, _GROUPS.c.display_name_key,
            exists().where(inside).label("direct"),
        )
        .join(_GROUPS, _GROUPS.c.id == belongs.c.group_id)
        .where(unindexed(_GROUPS.c.tenant_id) == bindparam("of_tenant"))
    )  # fmt: skip


GROUPS_OF_USERS = _groups_of_users()
"""The groups of the users `ids`, however deep they nest."""
_OF_USERS = prepared(GROUPS_OF_USERS)
_OF_GROUP = _MEMBERS.c.group_id == bindparam("group")
_ALL_INSIDE = select(_MEMBERS.c.member_id).where(_OF_GROUP)
_INSIDE = prepared(_ALL_INSIDE.where(listed(_MEMBERS.c.member_id, "ids")))
_ADD = prepared(insert(_MEMBERS))
_REMOVE = prepared(delete(_MEMBERS).where(_OF_GROUP, listed(_MEMBERS.c.member_id, "ids")))
_LEAVE = prepared(
    delete(_MEMBERS)
    .where(_MEMBERS.c.tenant_id == bindparam("of_tenant"), _MEMBERS.c.member_id == bindparam("member"))
    .returning(_MEMBERS.c.group_id)
)
_ANOTHER_VERSION = update(_GROUPS).where(_GROUPS.c.id == bindparam("group")).values(version=_GROUPS.c.version + 1)
_NEW_VERSION = prepared(_ANOTHER_VERSION.values(modified_at=bindparam("now_ms")))
PART = 1_000
_BY_NAME = itemgetter(3, 1)
Entry = TypeVar("Entry")


def groups_of_users(work: Work, tenant_id: str, user_ids: Sequence[str]) -> Mapping[str, Sequence[BelongsTo]]:
    """The groups of each of these users, sorted by name; one query however deep the groups nest."""
    asked = {"of_tenant": tenant_id, "ids": user_ids}
    return groups_from(user_ids, work.rows(_OF_USERS, asked) if user_ids else ())


def groups_from(user_ids: Iterable[str], rows: Iterable[Sequence[Any]]) -> Mapping[str, Sequence[BelongsTo]]:
    """The groups of rows that `GROUPS_OF_USERS` selects, of each user sorted by name."""
    found: dict[str, list[BelongsTo]] = {user_id: [] for user_id in user_ids}
    for user_id, group_id, display_name, _, direct in sorted(rows, key=_BY_NAME):
        found[user_id].append(BelongsTo(group_id, display_name, direct))
    return found


def add_member(work: Work, tenant_id: str, group_id: str, member: Holder, giver: Giver, now_ms: int) -> bool:
    """Puts a user or a group into a group, and so gives it the group's roles. Says whether it was outside. The cost
    does not grow with the group. Raises what `add_members` raises."""
    return add_members(work, tenant_id, group_id, [member], giver, now_ms) > 0


def remove_member(work: Work, tenant_id: str, group_id: str, member: Holder, giver: Giver, now_ms: int) -> bool:
    """Takes a member out of a group, and so takes the group's roles. Says whether it was inside; a member that does not
    exist is not. Raises what `remove_members` raises."""
    return remove_members(work, tenant_id, group_id, [member.id], giver, now_ms) > 0


def add_members(
    work: Work, tenant_id: str, group_id: str, members: Sequence[Holder], giver: Giver, now_ms: int
) -> int:  # fmt: skip
    """Puts users and groups into a group, all or none, and returns how many of them were outside.

    Raises GROUP_NOT_FOUND, USER_NOT_FOUND, GROUP_CIRCLE, NESTED_TOO_DEEPLY; FORBIDDEN where the group, or one that it
    belongs to, permits more than `giver` may do, and BEYOND_OWN_END where it does so for longer.
    """
    _check_group(work, tenant_id, group_id, giver, now_ms, refuse_longer)
    new = {member.id: member for member in members}
    for part in _parts(list(new)):
        for row in work.rows(_INSIDE, {"group": group_id, "ids": part}):
            del new[row.member_id]
    check_holders(work, tenant_id, new.values())
    refuse_circle(work, tenant_id, group_id, [member.id for member in new.values() if member.kind == GROUP])
    _insert(work, tenant_id, group_id, new.values())
    return _changed(work, group_id, len(new), now_ms)


def remove_members(
    work: Work, tenant_id: str, group_id: str, member_ids: Sequence[str], giver: Giver, now_ms: int
) -> int:  # fmt: skip
    """Takes users and groups out of a group and returns how many of them were inside. Raises GROUP_NOT_FOUND, and
    FORBIDDEN as above."""
    _check_group(work, tenant_id, group_id, giver, now_ms, refuse_beyond)
    return _changed(work, group_id, _delete(work, group_id, member_ids), now_ms)


def replace_members(
    work: Work, tenant_id: str, group_id: str, members: Sequence[Holder], giver: Giver, now_ms: int
) -> int:  # fmt: skip
    """Makes these the only members of a group, all or none, and returns how many came or went. Raises what
    `add_members` raises."""
    _check_group(work, tenant_id, group_id, giver, now_ms, refuse_beyond)
    wanted = {member.id for member in members}
    gone = [row.member_id for row in work.rows(_ALL_INSIDE, {"group": group_id}) if row.member_id not in wanted]
    _delete(work, group_id, gone)
    came = add_members(work, tenant_id, group_id, members, giver, now_ms)
    return came + (len(gone) if came else _changed(work, group_id, len(gone), now_ms))


def leave_groups(work: Work, tenant_id: str, member_id: str) -> None:
    """Takes a user or a group that is deleted out of all groups, and gives these new versions."""
    left = [row.group_id for row in work.rows(_LEAVE, {"of_tenant": tenant_id, "member": member_id})]
    if left:  # in one order always: two that wait for each other would both fail
        work.run(_ANOTHER_VERSION, [{"group": group_id} for group_id in sorted(left)])


def _insert(work: Work, tenant_id: str, group_id: str, members: Iterable[Holder]) -> None:
    facts = {"tenant_id": tenant_id, "group_id": group_id}
    for part in _parts(list(members)):
        work.run(_ADD, [{**facts, "member_id": each.id, "member_type": each.kind} for each in part])


def _delete(work: Work, group_id: str, member_ids: Sequence[str]) -> int:
    return sum(work.run(_REMOVE, {"group": group_id, "ids": part}) for part in _parts(member_ids))


def _changed(work: Work, group_id: str, how_many: int, now_ms: int) -> int:
    """Gives the group a new version if anything has changed."""
    if how_many:
        work.run(_NEW_VERSION, {"group": group_id, "now_ms": now_ms})
    return how_many


def _parts(entries: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    """Lists that the databases take in one statement, and answer before the next one."""
    return (entries[place : place + PART] for place in range(0, len(entries), PART))


def _check_group(
    work: Work, tenant_id: str, group_id: str, giver: Giver, now_ms: int, refuse: Callable[[Rights, Rights], None]
) -> None:  # fmt: skip
    lock_rights(work, tenant_id)
    refuse(giver(work), rights_of_group(work, tenant_id, group_id, now_ms))
    check_holder(work, tenant_id, Holder(group_id, GROUP))
