"""Changes of which organization roles a user or a group holds, by the names or the ids of the roles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from ostiary.directory.roles.built_in import BUILT_IN, FOR_HOLDERS, role_id
from ostiary.directory.roles.granting import Giver, Holder, check_holder, grant_role, lock_rights, revoke_role
from ostiary.directory.roles.permissions import no_such_role
from ostiary.errors import invalid
from ostiary.names import name_key
from ostiary.store.tables import OrganizationRole, table_of
from ostiary.store.work import Work

_ROLES = table_of(OrganizationRole)


@dataclass(frozen=True, slots=True)
class RoleChoice:
    """A role that is named by its id, its name, or both, which must fit. `expires_at` is in UTC milliseconds, None for
    good."""

    id: str = ""
    name: str = ""
    expires_at: int | None = None

    def is_of(self, role_id: str, name: str) -> bool:
        """Whether a role with this id and name is meant; a choice that names none means none."""
        by_id, by_name = not self.id or self.id == role_id, not self.name or name_key(self.name) == name_key(name)
        return by_id and by_name and bool(self.id or self.name)


@dataclass(frozen=True, slots=True)
class RoleChange:
    """The roles that a holder gets and loses."""

    add: Sequence[RoleChoice] = ()
    remove: Sequence[RoleChoice] = ()


def change_roles(
    work: Work, tenant_id: str, holder: Holder, change: RoleChange, giver: Giver, now_ms: int
) -> None:  # fmt: skip
    """Gives and takes organization roles. Where it raises, the caller's transaction undoes what was done before.

    Raises USER_NOT_FOUND, GROUP_NOT_FOUND, ROLE_NOT_FOUND, CONTRADICTING_ROLES, and what `grant_role` raises.
    """
    lock_rights(work, tenant_id)
    check_holder(work, tenant_id, holder)
    added = [(role_chosen(work, tenant_id, choice), choice.expires_at) for choice in change.add]
    removed = [role_chosen(work, tenant_id, choice) for choice in change.remove]
    apply_change(work, tenant_id, holder, added, removed, giver, now_ms)


def apply_change(
    work: Work, tenant_id: str, holder: Holder, added: Sequence[tuple[str, int | None]], removed: Sequence[str],
    giver: Giver, now_ms: int,
) -> None:  # fmt: skip
    """Gives roles, each with its end, and takes others, as bindings name them. Raises CONTRADICTING_ROLES."""
    if {role for role, _ in added} & set(removed):
        raise invalid("CONTRADICTING_ROLES", "A role is to be added and removed by the same request.")
    for role, expires_at in added:
        grant_role(work, tenant_id, holder, role, giver, now_ms, expires_at)
    for role in removed:
        revoke_role(work, tenant_id, holder, role, giver)


def role_chosen(work: Work, tenant_id: str, choice: RoleChoice) -> str:
    """The organization role that is meant, as bindings name it. Raises ROLE_NOT_FOUND."""
    for name in FOR_HOLDERS:
        if choice.is_of(role_id(tenant_id, name), BUILT_IN[name].name):
            return name
    named = _ROLES.c.id == choice.id if choice.id else _ROLES.c.name_key == name_key(choice.name)
    of_tenant = (_ROLES.c.tenant_id == tenant_id, _ROLES.c.service_definition_id.is_(None))
    for row in work.rows(select(_ROLES.c.id, _ROLES.c.name).where(*of_tenant, named)):
        if choice.is_of(row.id, row.name):
            return str(row.id)
    raise no_such_role()
