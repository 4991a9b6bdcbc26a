"""All roles of users, with the groups that give them: those of the organization, and those of services. Lists show many
users, and ask once for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, String, bindparam, cast, null, or_, select, union_all

from ostiary.directory.roles.bindings import BY_GROUP, DIRECT
from ostiary.directory.roles.built_in import BUILT_IN, role_id
from ostiary.directory.roles.nesting import of_kind
from ostiary.store.tables import GROUP, USER, GroupMember, OrganizationRole, RoleBinding, table_of, unindexed
from ostiary.store.work import Work

_BINDINGS, _ROLES, _MEMBERS = table_of(RoleBinding), table_of(OrganizationRole), table_of(GroupMember)
_TENANT: ColumnElement[str] = bindparam("of_tenant")
_IDS: Any = bindparam("ids", expanding=True)
_SHOWN = (
    _BINDINGS.c.role, _BINDINGS.c.expires_at, _ROLES.c.name, _ROLES.c.display_name, _ROLES.c.service_definition_id
)  # fmt: skip
_LIVES = or_(_BINDINGS.c.expires_at.is_(None), _BINDINGS.c.expires_at > bindparam("now_ms"))
# A role of another organization is none; one of a service belongs to System, and anybody may hold it.
_NAMED = (_ROLES.c.id == _BINDINGS.c.role) & (
    (_ROLES.c.tenant_id == _TENANT) | _ROLES.c.service_definition_id.is_not(None)
)


def _given_to(kind: str, ids: Any) -> Any:
    return (
        select(_BINDINGS.c.holder_id.label("user_id"), cast(null(), String(36)).label("group_id"), *_SHOWN)
        .select_from(_BINDINGS.outerjoin(_ROLES, _NAMED))
        .where(
            _BINDINGS.c.tenant_id == _TENANT, _BINDINGS.c.holder_id.in_(ids), of_kind(_BINDINGS, kind), _LIVES
        )
    )  # fmt: skip


def _given_by_groups(kind: str) -> Any:
    directly = (
        select(_MEMBERS.c.member_id.label("user_id"), _MEMBERS.c.group_id)
        .where(_MEMBERS.c.tenant_id == _TENANT, _MEMBERS.c.member_id.in_(_IDS), of_kind(_MEMBERS, kind))
        .cte("belongs", recursive=True)
    )
    # UNION, not UNION ALL: rows that another program wrote may hold a circle.
    belongs = directly.union(
        select(directly.c.user_id, _MEMBERS.c.group_id).where(
            unindexed(_MEMBERS.c.tenant_id) == _TENANT,
            _MEMBERS.c.member_id == directly.c.group_id,
            of_kind(_MEMBERS, GROUP),
        )
    )
    of_group = (
        (unindexed(_BINDINGS.c.tenant_id) == _TENANT)
        & (_BINDINGS.c.holder_id == belongs.c.group_id)
        & of_kind(_BINDINGS, GROUP)
        & _LIVES
    )
    # Outer joins fix the order, in which the databases else begin with all bindings of the tenant.
    held = belongs.outerjoin(_BINDINGS, of_group).outerjoin(_ROLES, _NAMED)
    return select(belongs.c.user_id, belongs.c.group_id, *_SHOWN).select_from(held)


_OF_USERS = union_all(_given_to(USER, _IDS), _given_by_groups(USER))
_OF_GROUPS = union_all(_given_to(GROUP, _IDS), _given_by_groups(GROUP))


@dataclass(frozen=True, slots=True)
class MemberRole:
    """A role that a user or a group holds. `group_ids` are the groups that give it, nearest or not; a role that is
    given directly too is DIRECT. `expires_at` is in UTC milliseconds, None for never. `service` is the id of
    the service definition of a service role."""

    id: str
    name: str
    display_name: str
    membership_type: str = DIRECT
    expires_at: int | None = None
    group_ids: Sequence[str] = ()
    service: str | None = None


@dataclass(frozen=True, slots=True)
class MemberRoles:
    """The roles of one user: of the organization by name, of services by service and name."""

    organization: Sequence[MemberRole] = ()
    services: Sequence[MemberRole] = ()


def member_roles(work: Work, tenant_id: str, user_ids: Sequence[str], now_ms: int) -> Mapping[str, MemberRoles]:
    """The roles that each of these users holds now, itself or through groups, however deep they nest; one statement."""
    return _asked(work, _OF_USERS, tenant_id, user_ids, now_ms)


def group_roles(work: Work, tenant_id: str, group_ids: Sequence[str], now_ms: int) -> Mapping[str, MemberRoles]:
    """The roles that each of these groups gives to its members now: its own, and those of the groups that it belongs
    to; one statement."""
    return _asked(work, _OF_GROUPS, tenant_id, group_ids, now_ms)


def _asked(work: Work, asked: Any, tenant_id: str, ids: Sequence[str], now_ms: int) -> Mapping[str, MemberRoles]:
    rows: dict[str, list[Row[Any]]] = {one: [] for one in ids}
    for row in work.rows(asked, {"of_tenant": tenant_id, "ids": list(ids), "now_ms": now_ms}) if ids else ():
        rows[row.user_id].append(row)
    return {one: _of_one(tenant_id, held) for one, held in rows.items()}


def _of_one(tenant_id: str, rows: Sequence[Row[Any]]) -> MemberRoles:
    by_role: dict[str, list[Row[Any]]] = {}
    for row in rows:
        if row.role in BUILT_IN or row.name is not None:
            by_role.setdefault(row.role, []).append(row)
    roles = sorted((_merged(tenant_id, each) for each in by_role.values()), key=lambda role: (role.name, role.id))
    of_services = sorted((role for role in roles if role.service), key=lambda role: (role.service or "", role.name))
    return MemberRoles([role for role in roles if not role.service], of_services)


def _merged(tenant_id: str, rows: Sequence[Row[Any]]) -> MemberRole:
    """One role, however many ways lead to it."""
    first = rows[0]
    direct = [row for row in rows if row.group_id is None]
    ends = [row.expires_at for row in direct or rows]
    built_in = BUILT_IN.get(first.role)
    return MemberRole(
        id=role_id(tenant_id, first.role) if built_in else first.role,
        name=built_in.name if built_in else first.name,
        display_name=built_in.display_name if built_in else first.display_name,
        membership_type=DIRECT if direct else BY_GROUP,
        expires_at=None if None in ends else max(ends),
        group_ids=sorted(row.group_id for row in rows if row.group_id is not None),
        service=first.service_definition_id,
    )
