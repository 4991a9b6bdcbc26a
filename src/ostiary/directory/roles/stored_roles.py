"""Roles that an organization defines itself, beside the built-in ones; and the roles of service definitions, which
belong to System and permit nothing here: the services give them a meaning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, delete, select, update

from ostiary.directory.roles.built_in import BUILT_IN
from ostiary.directory.roles.granting import Giver, lock_rights
from ostiary.directory.roles.permissions import (
    NONE,
    Permission,
    Permissions,
    for_good,
    no_such_role,
    read_permissions,
    refuse_beyond,
    refuse_longer,
    write_permissions,
)
from ostiary.errors import conflict, invalid
from ostiary.ids import Entropy, new_id
from ostiary.names import check_name, name_key
from ostiary.store.tables import OrganizationRole, RoleBinding, table_of
from ostiary.store.tenancy import SYSTEM_ID
from ostiary.store.work import Work

MAX_NAME = 128
_ROLES, _BINDINGS = table_of(OrganizationRole), table_of(RoleBinding)
_COLUMNS = [
    _ROLES.c[name]
    for name in ("id", "tenant_id", "service_definition_id", "name", "display_name", "description", "permissions")
]
_OF_TENANT = select(*_COLUMNS).where(_ROLES.c.tenant_id == bindparam("of_tenant")).order_by(_ROLES.c.name, _ROLES.c.id)
_NAMED = select(_ROLES.c.id)
NOT_IN_ROLES = frozenset({
    Permission.PLATFORM_OPERATE, Permission.SERVICE_READ, Permission.PROFILE_OWN, Permission.CLAIMS_READ,
    Permission.PROVISIONING_READ, Permission.PROVISIONING_CHANGE,
})  # fmt: skip
"""Permissions that belong to operators, clients, App ID tokens and SCIM tokens alone."""


@dataclass(frozen=True, slots=True)
class RoleDefinition:
    """Description of a role by its organization. `service_definition_id` is None for a role of its own."""

    name: str
    display_name: str = ""
    description: str = ""
    permissions: Permissions = NONE
    service_definition_id: str | None = None


@dataclass(frozen=True, slots=True)
class StoredRole:
    """A stored role as it was read."""

    id: str
    definition: RoleDefinition


def list_stored_roles(work: Work, tenant_id: str) -> Sequence[StoredRole]:
    """The roles that an organization defines itself, by name."""
    return [_read(row) for row in work.rows(_OF_TENANT, {"of_tenant": tenant_id})]


def create_stored_role(
    work: Work, tenant_id: str, role: RoleDefinition, giver: Giver, entropy: Entropy, now_ms: int
) -> StoredRole:  # fmt: skip
    """Defines a role. Raises FORBIDDEN where it would permit more than `giver` may do, ROLE_NAME_TAKEN (409), and for
    bad input."""
    lock_rights(work, tenant_id)
    refuse_beyond(giver(work), role.permissions)
    _check(work, tenant_id, role)
    role_id = new_id(entropy)
    work.add(OrganizationRole(id=role_id, tenant_id=tenant_id, created_at=now_ms, modified_at=now_ms, **_columns(role)))
    return StoredRole(role_id, role)


def update_stored_role(
    work: Work, tenant_id: str, role_id: str, role: RoleDefinition, giver: Giver, now_ms: int
) -> StoredRole:  # fmt: skip
    """Replaces a role, for all who hold it, from their next request on. Raises ROLE_NOT_FOUND, FORBIDDEN where it
    permits more than `giver` may do, before or after, BEYOND_OWN_END where it permits something new that `giver` may
    do only until some time, and what `create_stored_role` raises."""
    lock_rights(work, tenant_id)
    before = _get(work, tenant_id, role_id).definition
    held = giver(work)
    refuse_beyond(held, before.permissions)
    refuse_longer(held, for_good(role.permissions - before.permissions))
    if role.service_definition_id != before.service_definition_id:
        raise invalid("SERVICE_DEFINITION_FIXED", "A role stays with the service definition that it was made for.")
    _check(work, tenant_id, role, role_id)
    work.run(update(_ROLES).where(_ROLES.c.id == role_id).values(modified_at=now_ms, **_columns(role)))
    return StoredRole(role_id, role)


def delete_stored_role(work: Work, tenant_id: str, role_id: str, giver: Giver) -> None:
    """Deletes a role and takes it from all who hold it. Raises ROLE_NOT_FOUND, and FORBIDDEN where it permits more than
    `giver` may do."""
    lock_rights(work, tenant_id)
    role = _get(work, tenant_id, role_id).definition
    refuse_beyond(giver(work), role.permissions)
    bound = delete(_BINDINGS).where(_BINDINGS.c.role == role_id)
    if role.service_definition_id is None:  # no other organization can have given it
        bound = bound.where(_BINDINGS.c.tenant_id == tenant_id)
    work.run(bound)
    work.run(delete(_ROLES).where(_ROLES.c.id == role_id))


def _check(work: Work, tenant_id: str, role: RoleDefinition, role_id: str = "") -> None:
    check_name("name", role.name, MAX_NAME)
    unfit = sorted(role.permissions & NOT_IN_ROLES)
    if unfit:
        raise invalid("PERMISSION_NOT_FOR_ROLES", f"A role cannot hold the permission {unfit[0]}.")
    if role.service_definition_id is not None and (tenant_id != SYSTEM_ID or role.permissions):
        raise invalid("NOT_A_SERVICE_ROLE", "A role of a service definition belongs to System, and has no permissions.")
    if role.service_definition_id is None:
        among = [_ROLES.c.tenant_id == tenant_id, _ROLES.c.service_definition_id.is_(None)]
    else:
        among = [_ROLES.c.service_definition_id == role.service_definition_id]
    taken = work.row(_NAMED.where(*among, _ROLES.c.name_key == name_key(role.name), _ROLES.c.id != role_id))
    if taken is not None or (role.service_definition_id is None and name_key(role.name) in BUILT_IN):
        raise conflict("ROLE_NAME_TAKEN", f"There is a role named {role.name} already.")


def _get(work: Work, tenant_id: str, role_id: str) -> StoredRole:
    row = work.row(select(*_COLUMNS).where(_ROLES.c.id == role_id, _ROLES.c.tenant_id == tenant_id))
    if row is None:
        raise no_such_role()
    return _read(row)


def _columns(role: RoleDefinition) -> dict[str, Any]:
    return {
        "name": role.name, "name_key": name_key(role.name), "display_name": role.display_name or role.name,
        "description": role.description, "permissions": write_permissions(role.permissions),
        "service_definition_id": role.service_definition_id,
    }  # fmt: skip


def _read(row: Any) -> StoredRole:
    return StoredRole(
        row.id,
        RoleDefinition(
            row.name, row.display_name, row.description, read_permissions(row.permissions), row.service_definition_id
        ),
    )
