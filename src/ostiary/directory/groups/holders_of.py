"""Holders of a permission in an organization, by roles of their own and of groups, however deep these nest."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select

from ostiary.directory.roles.built_in import BUILT_IN, FOR_HOLDERS
from ostiary.directory.roles.permissions import Permission
from ostiary.directory.roles.stored_roles import list_stored_roles
from ostiary.store.tables import GROUP, USER, GroupMember, RoleBinding, User, table_of
from ostiary.store.work import Work

_BINDINGS, _MEMBERS, _USERS = table_of(RoleBinding), table_of(GroupMember), table_of(User)


def somebody_holds(work: Work, tenant_id: str, permission: Permission) -> bool:
    """Whether an active user has this permission for good: a few statements, and one more for each level of groups."""
    built_in = [name for name in FOR_HOLDERS if permission in BUILT_IN[name].permissions]
    stored = [role.id for role in list_stored_roles(work, tenant_id) if permission in role.definition.permissions]
    held = select(_BINDINGS.c.holder_id).where(
        _BINDINGS.c.tenant_id == tenant_id, _BINDINGS.c.role.in_([*built_in, *stored]), _BINDINGS.c.expires_at.is_(None)
    )
    if _is_active(work, tenant_id, held.where(_BINDINGS.c.holder_type == USER)):
        return True
    level = {row.holder_id for row in work.rows(held.where(_BINDINGS.c.holder_type == GROUP))}
    return _somebody_in(work, tenant_id, level)


def _somebody_in(work: Work, tenant_id: str, level: Collection[str]) -> bool:
    seen = set(level)
    while level:
        inside = select(_MEMBERS.c.member_id).where(_MEMBERS.c.group_id.in_(level))
        if _is_active(work, tenant_id, inside.where(_MEMBERS.c.member_type == USER)):
            return True
        level = {row.member_id for row in work.rows(inside.where(_MEMBERS.c.member_type == GROUP))} - seen
        seen |= level
    return False


def _is_active(work: Work, tenant_id: str, ids: object) -> bool:
    among = select(_USERS.c.id).where(_USERS.c.tenant_id == tenant_id, _USERS.c.active, _USERS.c.id.in_(ids))  # type: ignore[arg-type]
    return work.row(among.limit(1)) is not None
