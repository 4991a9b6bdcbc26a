"""Rights in effect: the roles of users, given to themselves or to groups that they belong to, however deep the groups
nest, and the permissions that follow. A binding that has expired gives nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Row,
    Select,
    String,
    and_,
    bindparam,
    cast,
    or_,
    select,
    union_all,
)

from ostiary.directory.roles.built_in import BUILT_IN, ORG_MEMBER
from ostiary.directory.roles.nesting import of_kind, with_containing
from ostiary.directory.roles.permissions import (
    NEVER,
    NONE,
    SIGNED_IN,
    Permission,
    Permissions,
    Rights,
    for_good,
    read_permissions,
    refuse_beyond,
    role_too_small,
)
from ostiary.store.prepared import prepared
from ostiary.store.tables import GROUP, USER, GroupMember, OrganizationRole, RoleBinding, table_of, unindexed
from ostiary.store.tenancy import SYSTEM_ID
from ostiary.store.work import Work

_BINDINGS, _ROLES, _MEMBERS = table_of(RoleBinding), table_of(OrganizationRole), table_of(GroupMember)
_TENANT: ColumnElement[str] = bindparam("of_tenant")
RIGHTS: Sequence[ColumnElement[Any]] = (
    _BINDINGS.c.role, _BINDINGS.c.holder_type, _BINDINGS.c.expires_at, _ROLES.c.permissions,
)  # fmt: skip
"""The columns from which `permissions_from` and `rights_from` read. The statements that have them give a row for each
holder, without a role where it has none."""


def with_roles(
    holders: FromClause, holder_id: ColumnElement[str], kind: str, tenant_id: ColumnElement[str], *,
    of_services: bool = False,
) -> FromClause:  # fmt: skip
    """`holders`, each with its bindings that have not expired at the parameter `now_ms`, and with the stored role that
    a binding names; a role of another organization gives nothing. Roles of services, which belong to System and permit
    nothing, are named only with `of_services`.

    Only outer joins: they fix the order, in which the databases else begin with all bindings of the tenant.
    """
    held = and_(
        _BINDINGS.c.tenant_id == tenant_id if kind == USER else unindexed(_BINDINGS.c.tenant_id) == tenant_id,
        _BINDINGS.c.holder_id == holder_id,
        of_kind(_BINDINGS, kind),
        or_(_BINDINGS.c.expires_at.is_(None), _BINDINGS.c.expires_at > bindparam("now_ms")),
    )
    here = _ROLES.c.tenant_id == tenant_id
    if of_services:
        here = or_(here, _ROLES.c.service_definition_id.is_not(None))
    named = and_(_ROLES.c.id == _BINDINGS.c.role, here)
    return holders.outerjoin(_BINDINGS, held).outerjoin(_ROLES, named)


def by_groups(*columns: ColumnElement[Any], kind: str = USER, of_services: bool = False) -> Select[Any]:
    """`columns` of every group to which the holder `id` belongs, with its roles."""
    direct = select(_MEMBERS.c.group_id.label("id")).where(
        _MEMBERS.c.tenant_id == _TENANT, _MEMBERS.c.member_id == bindparam("id"), of_kind(_MEMBERS, kind)
    )
    groups = with_containing(direct)
    return select(*columns).select_from(with_roles(groups, groups.c.id, GROUP, _TENANT, of_services=of_services))


def _of_holder(kind: str) -> Select[Any]:
    holder = select(cast(bindparam("id"), String(36)).label("id")).subquery("holder")
    return select(*RIGHTS).select_from(with_roles(holder, holder.c.id, kind, _TENANT))


_OF_USER = prepared(union_all(_of_holder(USER), by_groups(*RIGHTS)))
_OF_GROUP = prepared(union_all(_of_holder(GROUP), by_groups(*RIGHTS, kind=GROUP)))


def permissions_from(rows: Iterable[Row[Any]], tenant_id: str, held: Permissions = NONE) -> Permissions:
    """The permissions that bindings give, beside those that are `held` already."""
    for row in rows:
        if row.role is None:
            continue
        given = _given(row)
        held = given if held <= given else held | given
    if Permission.PLATFORM_OPERATE in held and tenant_id != SYSTEM_ID:
        return held - {Permission.PLATFORM_OPERATE}
    return held


def rights_from(rows: Iterable[Row[Any]], tenant_id: str, held: Permissions = NONE) -> Rights:
    """The same with the end of each; what several bindings give ends with the last of them."""
    ends = dict(for_good(held))
    for row in rows:
        until = NEVER if row.expires_at is None else row.expires_at
        for permission in _given(row) if row.role is not None else ():
            ends[permission] = max(until, ends.get(permission, 0))
    if tenant_id != SYSTEM_ID:
        ends.pop(Permission.PLATFORM_OPERATE, None)
    return ends


def _given(row: Row[Any]) -> Permissions:
    role = BUILT_IN.get(row.role)
    return role.permissions if role is not None else read_permissions(row.permissions or "")


def rights_of_user(work: Work, tenant_id: str, user_id: str, now_ms: int) -> Rights:
    """Permissions of a directory user in its organization, each with its end. One that does not exist may as much as
    one without roles."""
    rows = work.rows(_OF_USER, {"of_tenant": tenant_id, "id": user_id, "now_ms": now_ms})
    return rights_from(rows, tenant_id, SIGNED_IN)


def rights_of_group(work: Work, tenant_id: str, group_id: str, now_ms: int) -> Rights:
    """Permissions that a group gives to its members, by its own roles and by those of the groups that it belongs to."""
    rows = work.rows(_OF_GROUP, {"of_tenant": tenant_id, "id": group_id, "now_ms": now_ms})
    return rights_from(rows, tenant_id)


def refuse_acting_on(held: Rights, theirs: Rights) -> None:
    """Raises FORBIDDEN where somebody with the rights `theirs` may do what a caller who holds `held` may not, or may do
    it for longer. What every member may do has no end that counts."""
    refuse_beyond(held, theirs)
    privileged = theirs.keys() - BUILT_IN[ORG_MEMBER].permissions
    if any(held[permission] < theirs[permission] for permission in privileged):
        raise role_too_small()
