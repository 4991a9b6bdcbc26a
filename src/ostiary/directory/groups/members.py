"""Members of a group, users and groups alike, as they are listed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import Integer, Select, String, bindparam, column, exists, func, select, values

from ostiary.directory.roles.granting import Holder
from ostiary.directory.roles.nesting import of_kind
from ostiary.store.listed import listed
from ostiary.store.prepared import prepared
from ostiary.store.tables import GROUP, USER, Group, GroupMember, User, table_of, unindexed
from ostiary.store.work import Work

_MEMBERS, _USERS, _GROUPS = table_of(GroupMember), table_of(User), table_of(Group)


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a group. `kind` is USER or GROUP, as in RFC 7643 §4.2; `display_name` is the member's own."""

    id: str
    kind: str
    display_name: str


_OF_TENANT = unindexed(_MEMBERS.c.tenant_id) == bindparam("of_tenant")
_COUNTED = (
    select(_MEMBERS.c.group_id, func.count().label("n"))
    .where(_OF_TENANT, _MEMBERS.c.group_id.in_(bindparam("ids", expanding=True)))
    .group_by(_MEMBERS.c.group_id)
)
_FIRST = prepared(
    select(_MEMBERS.c.member_id).where(_MEMBERS.c.group_id == bindparam("group")).limit(bindparam("most"))
)
_HOLDERS = {
    kind: prepared(
        select(table.c.id).where(unindexed(table.c.tenant_id) == bindparam("of_tenant"), listed(table.c.id, "ids"))
    )
    for kind, table in ((USER, _USERS), (GROUP, _GROUPS))
}
_ROOTS = select(_GROUPS.c.id.label("root"), _GROUPS.c.id).where(
    unindexed(_GROUPS.c.tenant_id) == bindparam("of_tenant"), _GROUPS.c.id.in_(bindparam("ids", expanding=True))
)
_WITHIN = _ROOTS.cte("within", recursive=True)
_NESTED = _WITHIN.union(
    select(_WITHIN.c.root, _MEMBERS.c.member_id).where(
        _OF_TENANT, _MEMBERS.c.group_id == _WITHIN.c.id, of_kind(_MEMBERS, GROUP)
    )
)
_WITHIN_EACH = select(_NESTED.c.root, _NESTED.c.id)
_USERS_COUNTED = _COUNTED.where(of_kind(_MEMBERS, USER))
_PLACE, _LARGEST, _OTHER = column("place", Integer), column("largest", String), column("other", String)
_INSIDE = _MEMBERS.alias("inside")
_ROWS_AT_ONCE = 1_000
"""Pairs of groups in one statement: SQLite takes 32,766 values."""


def are_few(work: Work, group_id: str, few: int) -> bool:
    """Whether a group has at most so many direct members; reads one more of them, and no others."""
    return len(work.rows(_FIRST, {"group": group_id, "most": few + 1})) <= few


def members_of_groups(work: Work, tenant_id: str, group_ids: Sequence[str]) -> Mapping[str, Sequence[Member]]:
    """All direct members of each of these groups, in the order of their ids; one query."""
    found: dict[str, list[Member]] = {group_id: [] for group_id in group_ids}
    members = _of_groups(group_ids).subquery("page")
    for row in work.rows(_with_names(members), {"of_tenant": tenant_id}) if group_ids else ():
        found[row.group_id].append(_member(row))
    return found


def member_counts(work: Work, tenant_id: str, group_ids: Sequence[str]) -> Mapping[str, int]:
    """The number of direct members of each of these groups, users and groups."""
    return _counts(work, tenant_id, group_ids, _COUNTED)


def user_counts(work: Work, tenant_id: str, group_ids: Sequence[str]) -> Mapping[str, int]:
    """The number of users who are in each of these groups or in groups within it, each once.

    Only where several groups with users come together must users be told apart; else numbers suffice.
    """
    if not group_ids:
        return {}
    within: dict[str, list[str]] = {group_id: [] for group_id in group_ids}
    for row in work.rows(_WITHIN_EACH, {"of_tenant": tenant_id, "ids": list(group_ids)}):
        within[row.root].append(row.id)
    direct = _counts(work, tenant_id, sorted({each for ids in within.values() for each in ids}), _USERS_COUNTED)
    filled = {group_id: [each for each in ids if direct[each]] for group_id, ids in within.items()}
    return _told_apart(work, tenant_id, {each: sorted(ids, key=lambda one: (-direct[one], one))
                                         for each, ids in filled.items()}, direct)  # fmt: skip


def _told_apart(
    work: Work, tenant_id: str, filled: Mapping[str, Sequence[str]], direct: Mapping[str, int]
) -> Mapping[str, int]:  # fmt: skip
    """The numbers of users of groups that are made of others, the largest of these first: those of the largest, and
    those of the others who are not in it. So the members that many groups have in common are not read for each."""
    apart = {root: place for place, (root, ids) in enumerate(filled.items()) if len(ids) > 1}
    pairs = [(place, filled[root][0], other) for root, place in apart.items() for other in filled[root][1:]]
    beside: dict[int, int] = {}
    for part in _by_root(pairs):
        beside |= {row.place: row.n for row in work.rows(_beside(part), {"of_tenant": tenant_id})}
    return {
        root: sum(direct[each] for each in ids[:1]) + beside.get(apart.get(root, -1), 0) for root, ids in filled.items()
    }


def _by_root(pairs: Sequence[tuple[int, str, str]]) -> Iterator[Sequence[tuple[int, str, str]]]:
    """The pairs in parts that have all of a group, since a user who is in two of its parts counts once."""
    part: list[tuple[int, str, str]] = []
    for _, of_root in groupby(pairs, key=itemgetter(0)):
        part += of_root
        if len(part) >= _ROWS_AT_ONCE:
            yield part
            part = []
    if part:
        yield part


def _beside(pairs: Sequence[tuple[int, str, str]]) -> Select[Any]:
    """Counts for each place the users of its other groups who are not in its largest."""
    asked = values(_PLACE, _LARGEST, _OTHER, name="asked").data(list(pairs)).cte()
    in_largest = (_INSIDE.c.group_id == asked.c.largest, _INSIDE.c.member_id == _MEMBERS.c.member_id)
    return (
        select(asked.c.place, func.count(_MEMBERS.c.member_id.distinct()).label("n"))
        .join(_MEMBERS, _MEMBERS.c.group_id == asked.c.other)
        .where(_OF_TENANT, of_kind(_MEMBERS, USER), ~exists().where(*in_largest))
        .group_by(asked.c.place)
    )


def find_holders(work: Work, tenant_id: str, ids: Iterable[str]) -> Mapping[str, Holder]:
    """Returns those of the users and groups of an organization that exist, by id: what a client names as a member
    without its type."""
    wanted, found = list(dict.fromkeys(ids)), {}
    for kind, statement in _HOLDERS.items():
        for part in (wanted[place : place + 1_000] for place in range(0, len(wanted), 1_000)):
            rows = work.rows(statement, {"of_tenant": tenant_id, "ids": part})
            found.update({row.id: Holder(row.id, kind) for row in rows})
    return found


def _of_groups(group_ids: Sequence[str]) -> Select[Any]:
    ordered = (_MEMBERS.c.group_id, _MEMBERS.c.member_id)
    return (
        select(*ordered, _MEMBERS.c.member_type)
        .where(_OF_TENANT, _MEMBERS.c.group_id.in_(list(group_ids)))
        .order_by(*ordered)
    )


def _with_names(members: Any) -> Select[Any]:
    """The members with their names: outer joins, so that the databases begin with the members."""
    named = members.outerjoin(_USERS, _USERS.c.id == members.c.member_id)
    named = named.outerjoin(_GROUPS, _GROUPS.c.id == members.c.member_id)
    name = func.coalesce(_USERS.c.display_name, _GROUPS.c.display_name, "").label("display_name")
    return select(*members.c, name).select_from(named).order_by(members.c.group_id, members.c.member_id)


def _counts(work: Work, tenant_id: str, group_ids: Sequence[str], statement: Select[Any]) -> Mapping[str, int]:
    found = dict.fromkeys(group_ids, 0)
    rows = work.rows(statement, {"of_tenant": tenant_id, "ids": list(group_ids)}) if group_ids else ()
    return found | {row.group_id: row.n for row in rows}


def _member(row: Any) -> Member:
    return Member(row.member_id, row.member_type, row.display_name)
