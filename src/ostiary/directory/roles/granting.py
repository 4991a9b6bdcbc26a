"""Changes of who holds which role. Nobody gives or takes a role that permits more than the giver may do, and nobody
gives it for longer than the giver itself may do it.

Changes of the rights of one organization follow each other: each locks the organization, reads, then changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, select

from ostiary.directory.roles.bindings import bind_role
from ostiary.directory.roles.built_in import BUILT_IN, FOR_HOLDERS, PLATFORM_OPERATOR
from ostiary.directory.roles.permissions import (
    ALL,
    NEVER,
    Permission,
    Permissions,
    Rights,
    for_good,
    no_such_role,
    read_permissions,
    refuse_beyond,
    refuse_longer,
)
from ostiary.errors import invalid, not_found
from ostiary.store.listed import listed
from ostiary.store.prepared import prepared
from ostiary.store.tables import GROUP, USER, Group, OrganizationRole, RoleBinding, Tenant, User, table_of, unindexed
from ostiary.store.tenancy import SYSTEM_ID
from ostiary.store.work import Work

_TENANTS, _ROLES, _BINDINGS = table_of(Tenant), table_of(OrganizationRole), table_of(RoleBinding)
_TENANT = select(_TENANTS.c.id).where(_TENANTS.c.id == bindparam("of_tenant"))
_LOCK, _HOLD = prepared(_TENANT.with_for_update(key_share=True)), prepared(_TENANT.with_for_update(read=True))
_PERMISSIONS = select(_ROLES.c.permissions, _ROLES.c.service_definition_id).where(
    _ROLES.c.id == bindparam("role"),
    (_ROLES.c.tenant_id == bindparam("of_tenant")) | _ROLES.c.service_definition_id.is_not(None),
)
_HOLDERS = {
    kind: prepared(
        select(table.c.id)
        .where(unindexed(table.c.tenant_id) == bindparam("of_tenant"), listed(table.c.id, "ids"))
        .order_by(table.c.id)
        .with_for_update(read=True, key_share=True)
    )
    for kind, table in ((USER, table_of(User)), (GROUP, table_of(Group)))
}
Giver = Callable[[Work], Rights]
"""Permissions of the giver on the organization and their ends, read in the transaction of the change."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody who can hold roles: a directory user, or a group for its members."""

    id: str
    kind: str = USER


def installation_operator(work: Work) -> Rights:
    """The giver on the command line: whoever runs it has the whole store."""
    return for_good(ALL)


def lock_rights(work: Work, tenant_id: str) -> None:
    """Waits for other changes of the organization's rights, and holds the next ones up until commit."""
    work.row(_LOCK, {"of_tenant": tenant_id})


def hold_rights(work: Work, tenant_id: str) -> None:
    """Waits for changes of the organization's rights, and keeps the rights as they are until commit, for a change that
    depends on them. Many may hold them at once; who holds them changes none, else two would wait for each other."""
    work.row(_HOLD, {"of_tenant": tenant_id})


def grant_role(
    work: Work, tenant_id: str, holder: Holder, role: str, giver: Giver, now_ms: int, expires_at: int | None = None
) -> None:  # fmt: skip
    """Gives a role until `expires_at` (UTC milliseconds; None: for good), also where it is held until another time.

    `role` is the name of a built-in role or the id of a stored one. Raises ROLE_NOT_FOUND, FORBIDDEN, BEYOND_OWN_END,
    ROLE_NOT_HERE, ALREADY_EXPIRED, USER_NOT_FOUND, GROUP_NOT_FOUND.
    """
    lock_rights(work, tenant_id)
    until = NEVER if expires_at is None else expires_at
    refuse_longer(giver(work), dict.fromkeys(permissions_of_role(work, tenant_id, role), until))
    if role == PLATFORM_OPERATOR and tenant_id != SYSTEM_ID:
        raise invalid("ROLE_NOT_HERE", "Only users and groups of the operators' organization are platform operators.")
    if expires_at is not None and expires_at <= now_ms:
        raise invalid("ALREADY_EXPIRED", "expiresAt must be in the future.")
    check_holder(work, tenant_id, holder)
    bind_role(work, tenant_id, holder.id, role, now_ms, kind=holder.kind, expires_at=expires_at)


def revoke_role(work: Work, tenant_id: str, holder: Holder, role: str, giver: Giver) -> bool:
    """Takes a role; it acts on the next request. Says whether it was held. Raises ROLE_NOT_FOUND, FORBIDDEN."""
    lock_rights(work, tenant_id)
    refuse_beyond(giver(work), permissions_of_role(work, tenant_id, role))
    held = (_BINDINGS.c.holder_id == holder.id, _BINDINGS.c.holder_type == holder.kind, _BINDINGS.c.role == role)
    return work.run(delete(_BINDINGS).where(_BINDINGS.c.tenant_id == tenant_id, *held)) > 0


def permissions_of_role(work: Work, tenant_id: str, role: str) -> Permissions:
    """Permissions that the giver of a role needs: those of the role; for a role of a service, which permits nothing
    here but something there, to own the organization. Raises ROLE_NOT_FOUND."""
    if role in FOR_HOLDERS:
        return BUILT_IN[role].permissions
    row = work.row(_PERMISSIONS, {"of_tenant": tenant_id, "role": role})
    if row is None:
        raise no_such_role()
    if row.service_definition_id is not None:
        return frozenset({Permission.ORGANIZATION_OWN})
    return read_permissions(row.permissions)


def check_holder(work: Work, tenant_id: str, holder: Holder) -> None:
    """Raises USER_NOT_FOUND or GROUP_NOT_FOUND. Whoever is there stays until commit."""
    check_holders(work, tenant_id, [holder])


def check_holders(work: Work, tenant_id: str, holders: Iterable[Holder]) -> None:
    """Raises USER_NOT_FOUND or GROUP_NOT_FOUND where one of many is not there. All stay until commit."""
    asked = list(holders)
    for kind, statement in _HOLDERS.items():
        ids = sorted({holder.id for holder in asked if holder.kind == kind})
        for part in (ids[place : place + 1_000] for place in range(0, len(ids), 1_000)):
            if len(work.rows(statement, {"of_tenant": tenant_id, "ids": part})) < len(part):
                raise not_found(f"{kind.upper()}_NOT_FOUND", f"This organization has no such {kind.lower()}.")
