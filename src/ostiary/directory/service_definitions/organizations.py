"""Organizations that may use a service: every one, as far as the caller sees them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select

from ostiary.directory.tenants.organizations import OrganizationScope
from ostiary.http.paging import Page
from ostiary.store.tables import Tenant, table_of
from ostiary.store.work import Work

_TENANTS = table_of(Tenant)


@dataclass(frozen=True, slots=True)
class ServiceOrganization:
    """An organization that may use services. `metadata` are the facts that operators keep about it."""

    id: str
    name: str
    display_name: str
    parent_id: str | None
    metadata: Mapping[str, str]


def organizations_with_services(
    work: Work, scope: OrganizationScope, page: Page
) -> tuple[list[ServiceOrganization], int]:  # fmt: skip
    """One page of the organizations within `scope`, by name, and how many there are."""
    which = scope.condition()
    counted = work.row(select(func.count()).select_from(_TENANTS).where(which))
    shown = (_TENANTS.c.id, _TENANTS.c.name, _TENANTS.c.display_name, _TENANTS.c.parent_id, _TENANTS.c.properties)
    in_order = select(*shown).where(which).order_by(_TENANTS.c.name_key, _TENANTS.c.id)
    rows = work.rows(in_order.offset(page.offset).limit(page.size))
    found = [
        ServiceOrganization(row.id, row.name, row.display_name, row.parent_id, json.loads(row.properties))
        for row in rows
    ]
    return found, counted[0] if counted else 0
