"""Rights of the roles that an organization defines: changed one by one, under the lock of all its rights."""

from __future__ import annotations

from collections.abc import Callable

from ostiary.directory.roles.granting import Giver, lock_rights
from ostiary.directory.roles.permissions import Permissions
from ostiary.directory.roles.role_list import get_role
from ostiary.directory.roles.stored_roles import RoleDefinition, update_stored_role
from ostiary.errors import invalid
from ostiary.store.work import Work


def describe_role(
    work: Work, tenant_id: str, role_id: str, name: str, description: str | None, giver: Giver, now_ms: int
) -> None:  # fmt: skip
    """Gives a role another name, and another description unless that is None; its rights stay. Raises what
    `redefine_role` raises."""

    def described(held: RoleDefinition) -> RoleDefinition:
        text = held.description if description is None else description
        return RoleDefinition(name, description=text, permissions=held.permissions)

    redefine_role(work, tenant_id, role_id, described, giver, now_ms)


def change_rights(
    work: Work, tenant_id: str, role_id: str, after: Callable[[Permissions], Permissions], giver: Giver, now_ms: int
) -> Permissions:  # fmt: skip
    """Gives a role the rights that `after` makes of those that it has, and returns them. Raises as above."""
    lock_rights(work, tenant_id)
    held = changeable_role(work, tenant_id, role_id)
    rights = after(held.permissions)
    definition = RoleDefinition(held.name, description=held.description, permissions=rights)
    update_stored_role(work, tenant_id, role_id, definition, giver, now_ms)
    return rights


def redefine_role(
    work: Work, tenant_id: str, role_id: str, after: Callable[[RoleDefinition], RoleDefinition], giver: Giver,
    now_ms: int,
) -> None:  # fmt: skip
    """Replaces a role by what `after` makes of it. Raises ROLE_NOT_FOUND, ROLE_READ_ONLY, and what
    `update_stored_role` raises."""
    lock_rights(work, tenant_id)
    definition = after(changeable_role(work, tenant_id, role_id))
    update_stored_role(work, tenant_id, role_id, definition, giver, now_ms)


def changeable_role(work: Work, tenant_id: str, role_id: str) -> RoleDefinition:
    """The role with this id, unless it is built in. Raises ROLE_NOT_FOUND, ROLE_READ_ONLY."""
    found = get_role(work, tenant_id, role_id)
    if found.built_in:
        raise invalid("ROLE_READ_ONLY", f"The role {found.name} is built in: it can be given, and not be changed.")
    return RoleDefinition(found.name, description=found.description, permissions=found.permissions)
