"""Roles as records of Cloud Director's query service: built-in and stored ones, of one organization or of all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, String, false, func, literal, select, true, union_all

from ostiary.directory.roles.built_in import BUILT_IN, FOR_HOLDERS, PLATFORM_OPERATOR, role_id
from ostiary.http.fiql import Comparator, is_true, matches, refers_to
from ostiary.http.queries import ListQuery
from ostiary.names import folded
from ostiary.store.tables import OrganizationRole, Tenant, table_of
from ostiary.store.tables.columns import as_id
from ostiary.store.tenancy import SYSTEM_ID
from ostiary.store.work import Work

_ROLES, _TENANTS = table_of(OrganizationRole), table_of(Tenant)
_LIVING = _TENANTS.c.state.in_(("enabled", "disabled"))


def _built_in() -> Iterator[Select[Any]]:
    for name in FOR_HOLDERS:
        described = BUILT_IN[name].display_name
        there = [_TENANTS.c.id == SYSTEM_ID] if name == PLATFORM_OPERATOR else []
        yield select(
            _TENANTS.c.id.label("tenant_id"), _TENANTS.c.name.label("organization"), literal("", String).label("id"),
            literal(name, String).label("name"), literal(name, String).label("name_key"),
            literal(described, String).label("description"), literal(folded(described), String).label("described"),
            true().label("read_only"),
        ).where(_LIVING, *there)  # fmt: skip


_STORED = (
    select(
        _ROLES.c.tenant_id, _TENANTS.c.name, _ROLES.c.id, as_id(_ROLES.c.name), as_id(_ROLES.c.name_key),
        _ROLES.c.description, func.lower(_ROLES.c.description), false(),
    )
    .join(_TENANTS, _TENANTS.c.id == _ROLES.c.tenant_id)
    .where(_LIVING, _ROLES.c.service_definition_id.is_(None))
)  # fmt: skip
_ALL = union_all(*_built_in(), _STORED).subquery("every_role")
_LAST = _ALL.c.tenant_id + _ALL.c.name
_SORTED_BY: Mapping[str, ColumnElement[Any]] = {"name": _ALL.c.name_key, "description": _ALL.c.described}
_FILTERED_BY: Mapping[str, Comparator] = {
    "name": matches(_ALL.c.name_key, folded),
    "description": matches(_ALL.c.described, folded),
    "isReadOnly": is_true(_ALL.c.read_only),
    "org": refers_to(_ALL.c.tenant_id),
}


@dataclass(frozen=True, slots=True)
class RoleRecord:
    """A role of an organization. Nobody changes a `read_only` one."""

    id: str
    tenant_id: str
    organization: str
    name: str
    description: str
    read_only: bool


def role_records(work: Work, tenant_id: str | None, query: ListQuery) -> tuple[list[RoleRecord], int]:
    """One page of the roles of an organization (None: of all), and how many there are; raises INVALID_FILTER and
    INVALID_SORT."""
    chosen = [query.condition(_FILTERED_BY), *([] if tenant_id is None else [_ALL.c.tenant_id == tenant_id])]
    order = query.order(_SORTED_BY, _LAST)
    total = work.row(select(func.count()).select_from(_ALL).where(*chosen))
    page = select(_ALL).where(*chosen).order_by(*order).offset(query.page.offset).limit(query.page.size)
    found = [
        RoleRecord(
            row.id or role_id(row.tenant_id, row.name), row.tenant_id, row.organization, row.name, row.description,
            bool(row.read_only),
        )
        for row in work.rows(page)
    ]  # fmt: skip
    return found, total[0] if total else 0


def organization_of_role(work: Work, role: str) -> str | None:
    """The organization that has the role of this id; None for an unknown one.

    A built-in role has no row: its id follows from the organization, and is looked for among those of all.
    """
    row = work.row(_STORED.where(_ROLES.c.id == role))
    if row is not None:
        return str(row.tenant_id)
    tenants = (str(row.id) for row in work.rows(select(_TENANTS.c.id).where(_LIVING)))
    return next((tenant for tenant in tenants if any(role_id(tenant, name) == role for name in FOR_HOLDERS)), None)
