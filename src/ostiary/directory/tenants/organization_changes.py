"""Changes of organizations by operators and owners: made, described, disabled, and deleted with those below them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import select

from ostiary.directory.tenants.deletion import begin_deletion
from ostiary.directory.tenants.organizations import CLASSIC, OrganizationScope, no_such_organization
from ostiary.directory.tenants.tenants import LIVING, check_name, create_tenant, name_taken
from ostiary.errors import invalid
from ostiary.ids import Entropy
from ostiary.names import name_key
from ostiary.store.tables import Job, Tenant, table_of
from ostiary.store.tenancy import SYSTEM_ID, tenant_named, touch
from ostiary.store.work import Work

Value = TypeVar("Value", str, bool)
_TENANTS = table_of(Tenant)


@dataclass(frozen=True, slots=True)
class OrganizationChange:
    """A change of an organization; what is None stays. `is_classic`: whether clients should treat it as a tenant of the
    older Identity Service."""

    display_name: str | None = None
    name: str | None = None
    description: str | None = None
    is_enabled: bool | None = None
    is_classic: bool | None = None

    def without_effect(self, tenant: Tenant) -> OrganizationChange:
        """Returns the change without what is as it says already: clients send back what they have read."""
        is_classic = json.loads(tenant.properties).get(CLASSIC) != "false"
        return OrganizationChange(
            _unless(self.display_name, tenant.display_name), _unless(self.name, tenant.name),
            _unless(self.description, tenant.description), _unless(self.is_enabled, tenant.state == "enabled"),
            _unless(self.is_classic, is_classic),
        )  # fmt: skip


Accept = Callable[[OrganizationChange], object]
"""Raises what speaks against a change, of which only what has an effect is left."""


def create_organization(work: Work, name: str, change: OrganizationChange, entropy: Entropy, now_ms: int) -> Tenant:
    """Makes an organization. Raises INVALID_TENANT_NAME, TENANT_NAME_TAKEN."""
    tenant = create_tenant(work, name, entropy, now_ms, display_name=change.display_name or "")
    _apply(tenant, change)
    work.flush()
    return tenant


def change_organization(
    work: Work, scope: OrganizationScope, tenant_id: str, change: OrganizationChange, accept: Accept, now_ms: int
) -> None:  # fmt: skip
    """Changes an organization within `scope`. Raises ORG_NOT_FOUND, SYSTEM_TENANT, INVALID_TENANT_NAME,
    TENANT_NAME_TAKEN, and what `accept` raises."""
    tenant = _lock(work, scope, tenant_id)
    change = change.without_effect(tenant)
    accept(change)
    if tenant_id == SYSTEM_ID and (change.name is not None or change.is_enabled is not None):
        raise invalid("SYSTEM_TENANT", "The operators' own organization keeps its name, and is always enabled.")
    if change.name is not None:
        check_name(change.name)
        if tenant_named(work, name_key(change.name)) not in (None, tenant_id):
            raise name_taken(change.name)
    _apply(tenant, change)
    tenant.modified_at = now_ms
    work.flush()
    touch(work, tenant_id)


def delete_organization(
    work: Work, scope: OrganizationScope, tenant_id: str, entropy: Entropy, now_ms: int, *, recursive: bool
) -> list[Job]:  # fmt: skip
    """Begins to delete an organization, with `recursive` also those below it; returns a job for each. Raises
    ORG_NOT_FOUND, SYSTEM_TENANT, TENANT_HAS_ORGANIZATIONS."""
    _lock(work, scope, tenant_id)
    if tenant_id == SYSTEM_ID:
        raise invalid("SYSTEM_TENANT", "The operators' own organization cannot be deleted.")
    below = _below(work, tenant_id) if recursive else []
    return [begin_deletion(work, one, entropy, now_ms) for one in (*below, tenant_id)]


def _below(work: Work, tenant_id: str) -> list[str]:
    """The organizations below one, however deep, the deepest first."""
    found = [tenant_id]
    for parent in found:
        children = select(_TENANTS.c.id).where(_TENANTS.c.parent_id == parent, _TENANTS.c.state.in_(LIVING))
        found += [row.id for row in work.rows(children)]
    return found[:0:-1]


def _lock(work: Work, scope: OrganizationScope, tenant_id: str) -> Tenant:
    seen = work.row(select(_TENANTS.c.id).where(_TENANTS.c.id == tenant_id, scope.condition()))
    tenant = work.get(Tenant, tenant_id, lock=True) if seen else None
    if tenant is None or tenant.state not in LIVING:
        raise no_such_organization()
    return tenant


def _apply(tenant: Tenant, change: OrganizationChange) -> None:
    if change.display_name is not None:
        tenant.display_name, tenant.display_name_key = change.display_name, name_key(change.display_name)
    if change.name is not None:
        tenant.name, tenant.name_key = change.name, name_key(change.name)
    if change.description is not None:
        tenant.description = change.description
    if change.is_enabled is not None:
        tenant.state = "enabled" if change.is_enabled else "disabled"
    if change.is_classic is not None:
        facts = {**json.loads(tenant.properties), CLASSIC: str(change.is_classic).lower()}
        tenant.properties = json.dumps(facts)


def _unless(wanted: Value | None, held: Value) -> Value | None:
    return None if wanted == held else wanted
