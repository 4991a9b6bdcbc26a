"""Tenants: created, disabled, found by name. Ids are never used again."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import or_, select

from ostiary.errors import DomainError, conflict, denied, invalid, not_found
from ostiary.ids import Entropy, new_id
from ostiary.names import name_key
from ostiary.store.tables import Tenant, table_of
from ostiary.store.tenancy import SYSTEM_ID, touch
from ostiary.store.work import Work

SYSTEM_NAME = "System"
MAX_NAME = 128
_SLUG = re.compile(r"[a-zA-Z0-9_\-.!'(),$]+")
"""The characters that Cloud Director allows in the name of an organization, which is part of URLs."""

LIVING = ("enabled", "disabled")
"""States of a tenant that exists; deleting and deleted are those of one that does not."""
_TENANTS = table_of(Tenant)


def create_tenant(
    work: Work, name: str, entropy: Entropy, now_ms: int, *, display_name: str = "", parent_id: str | None = None,
    is_default: bool = False, tenant_id: str = "",
) -> Tenant:  # fmt: skip
    """A new, enabled tenant. `tenant_id` is the one that it had on another server; without it, it is new.

    Raises INVALID_TENANT_NAME, TENANT_NAME_TAKEN.
    """
    check_name(name)
    if work.row(select(_TENANTS.c.id).where(_TENANTS.c.name_key == name_key(name))):
        raise name_taken(name)
    made = tenant_id or new_id(entropy)
    return _add(work, made, name, display_name or name, now_ms, parent_id=parent_id, is_default=is_default)


def check_name(name: str) -> None:
    """Raises INVALID_TENANT_NAME for what cannot be the name of a tenant."""
    if len(name) > MAX_NAME or not _SLUG.fullmatch(name):
        raise invalid("INVALID_TENANT_NAME", f"A tenant's name has 1 to {MAX_NAME} letters, digits or _-.!'(),$ in it.")


def name_taken(name: str) -> DomainError:
    """Returns the error for a name that another tenant has."""
    return conflict("TENANT_NAME_TAKEN", f"There is a tenant named {name} already.")


def create_system(work: Work, now_ms: int) -> Tenant:
    """The operators' own organization; once per installation."""
    return _add(work, SYSTEM_ID, SYSTEM_NAME, "Operators of this installation", now_ms, kind="system")


def _add(work: Work, tenant_id: str, name: str, display_name: str, now_ms: int, **facts: Any) -> Tenant:
    tenant = Tenant(
        id=tenant_id, name=name, name_key=name_key(name), display_name=display_name,
        display_name_key=name_key(display_name), created_at=now_ms, modified_at=now_ms, **facts,
    )  # fmt: skip
    work.add(tenant)
    return tenant


def get_tenant(work: Work, named: str) -> Tenant:
    """The living tenant that has this id, or else this name. Raises TENANT_NOT_FOUND."""
    same_name = or_(_TENANTS.c.id == named.lower(), _TENANTS.c.name_key == name_key(named))
    row = work.row(select(_TENANTS).where(same_name, _TENANTS.c.state.in_(LIVING)))
    if row is None:
        raise not_found("TENANT_NOT_FOUND", f"There is no tenant {named}.")
    return Tenant(**row._asdict())


def list_tenants(work: Work, *, deleted: bool = False) -> list[Tenant]:
    """All tenants, the operators' organization included, by name; also the deleted ones when asked for."""
    wanted = select(_TENANTS) if deleted else select(_TENANTS).where(_TENANTS.c.state.in_(LIVING))
    return [Tenant(**row._asdict()) for row in work.rows(wanted.order_by(_TENANTS.c.name, _TENANTS.c.id))]


def set_tenant_state(work: Work, tenant_id: str, state: str, now_ms: int) -> Tenant:
    """Enables or disables a tenant, from the next request on. Raises TENANT_NOT_FOUND, SYSTEM_TENANT."""
    if tenant_id == SYSTEM_ID:
        raise denied("SYSTEM_TENANT", "The operators' own organization is always enabled.")
    tenant = work.get(Tenant, tenant_id, lock=True)
    if tenant is None or tenant.state in ("deleting", "deleted"):
        raise not_found("TENANT_NOT_FOUND", f"There is no tenant {tenant_id}.")
    tenant.state, tenant.modified_at = state, now_ms
    work.flush()
    touch(work, tenant_id)
    return tenant
