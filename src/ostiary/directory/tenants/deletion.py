"""Deletion of a tenant: every request is refused at once and its keys are deleted first, then every row, in a job that
survives restarts. The tenant's own row is kept, so that its id is never used again."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import ColumnElement, Table, delete, select, update
from sqlmodel import SQLModel

from ostiary.directory.tenants.tenants import LIVING
from ostiary.errors import conflict, denied, not_found
from ostiary.ids import Entropy, new_id
from ostiary.store.batches import delete_all
from ostiary.store.engine import Store
from ostiary.store.tables import ApiKey, AuditEvent, Grant, Job, RefreshToken, ScimToken, SigningKey, Tenant, table_of
from ostiary.store.tenancy import SYSTEM_ID, touch
from ostiary.store.work import Work

TENANT_DELETION = "tenant_deletion"
_TENANTS = table_of(Tenant)
_GRANTS, _TOKENS = table_of(Grant), table_of(RefreshToken)
KEPT = frozenset({table_of(Job).name, table_of(AuditEvent).name})
"""The tables whose rows outlast a tenant: that of the job itself, and the audit records, until they are old."""


def begin_deletion(work: Work, tenant_id: str, entropy: Entropy, now_ms: int) -> Job:
    """Marks the tenant as deleted. From the next request on it is not found, nothing that it sealed or signed can be
    used, and its name is free; the returned job deletes the rest.

    Raises TENANT_NOT_FOUND, SYSTEM_TENANT, TENANT_HAS_ORGANIZATIONS.
    """
    tenant = work.get(Tenant, tenant_id, lock=True)
    if tenant is None or tenant.state in ("deleting", "deleted"):
        raise not_found("TENANT_NOT_FOUND", f"There is no tenant {tenant_id}.")
    if tenant_id == SYSTEM_ID:
        raise denied("SYSTEM_TENANT", "The operators' own organization cannot be deleted.")
    children = select(_TENANTS.c.id).where(_TENANTS.c.parent_id == tenant_id, _TENANTS.c.state.in_(LIVING))
    if work.row(children):
        raise conflict("TENANT_HAS_ORGANIZATIONS", "The tenant has organizations below it; delete those first.")
    for keys in (table_of(SigningKey), table_of(ApiKey), table_of(ScimToken)):
        work.run(delete(keys).where(keys.c.tenant_id == tenant_id))
    tenant.state, tenant.name_key, tenant.is_default = "deleting", f"deleted:{tenant_id}", False
    tenant.modified_at = now_ms
    job = Job(id=new_id(entropy), tenant_id=tenant_id, kind=TENANT_DELETION, created_at=now_ms)
    work.add(job)
    touch(work, tenant_id)
    return job


def finish_deletion(store: Store, tenant_id: str, now_ms: int) -> None:
    """Deletes every row of the tenant in bounded transactions; after an interruption it can be started again."""
    # Once more until nothing is found: a request that began before the end may still have written.
    while sum(delete_all(store, table, owned) for table, owned in _owned_rows(tenant_id)):
        pass
    with store.write() as work:
        gone = {"state": "deleted", "display_name": "", "description": "", "properties": "{}", "modified_at": now_ms}
        work.run(update(_TENANTS).where(_TENANTS.c.id == tenant_id, _TENANTS.c.state == "deleting").values(gone))
        touch(work, tenant_id)


def _owned_rows(tenant_id: str) -> Iterator[tuple[Table, ColumnElement[bool]]]:
    """Returns every table whose rows belong to a tenant and are deleted with it, those that refer to others first, and
    which rows."""
    for table in reversed(SQLModel.metadata.sorted_tables):
        if table is _TOKENS:  # so many that each names only its grant, and too many to be deleted with it at once
            yield table, table.c.grant_id.in_(select(_GRANTS.c.id).where(_GRANTS.c.tenant_id == tenant_id))
        elif "tenant_id" in table.columns and table.name not in KEPT:
            yield table, table.c.tenant_id == tenant_id
