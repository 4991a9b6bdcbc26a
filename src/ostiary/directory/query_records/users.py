"""Users as records of Cloud Director's query service: those of one organization, or of all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, func, select

from ostiary.directory.roles.bindings import roles_of_users
from ostiary.http.fiql import Comparator, is_true, matches, refers_to
from ostiary.http.queries import ListQuery
from ostiary.names import folded
from ostiary.store.tables import Tenant, User, table_of
from ostiary.store.work import Work

_USERS, _TENANTS = table_of(User), table_of(Tenant)
_SORTED_BY: Mapping[str, ColumnElement[Any]] = {
    "name": _USERS.c.user_name_key, "fullName": _USERS.c.display_name_key, "isEnabled": _USERS.c.active,
}  # fmt: skip
_FILTERED_BY: Mapping[str, Comparator] = {
    "name": matches(_USERS.c.user_name_key, folded),
    "fullName": matches(_USERS.c.display_name_key, folded),
    "isEnabled": is_true(_USERS.c.active),
    "id": refers_to(_USERS.c.id),
    "org": refers_to(_USERS.c.tenant_id),
}
_JOINED = _USERS.join(_TENANTS, _TENANTS.c.id == _USERS.c.tenant_id)
_RECORD = select(
    _USERS.c.id, _USERS.c.tenant_id, _USERS.c.user_name, _USERS.c.display_name, _USERS.c.active,
    _TENANTS.c.name.label("organization"),
).select_from(_JOINED)  # fmt: skip


@dataclass(frozen=True, slots=True)
class UserRecord:
    """A user of an organization with the names of the roles that it was given itself."""

    id: str
    tenant_id: str
    organization: str
    name: str
    full_name: str
    enabled: bool
    roles: Sequence[str]


def user_records(work: Work, tenant_id: str | None, query: ListQuery, now_ms: int) -> tuple[list[UserRecord], int]:
    """One page of the users of an organization (None: of all), and how many there are; raises INVALID_FILTER and
    INVALID_SORT."""
    chosen = [query.condition(_FILTERED_BY), *_of(tenant_id)]
    order = query.order(_SORTED_BY, _USERS.c.id)
    total = work.row(select(func.count()).select_from(_JOINED).where(*chosen))
    page = _RECORD.where(*chosen).order_by(*order).offset(query.page.offset).limit(query.page.size)
    return _records(work, work.rows(page), now_ms), total[0] if total else 0


def _of(tenant_id: str | None) -> list[ColumnElement[bool]]:
    living = _TENANTS.c.state.in_(("enabled", "disabled"))
    return [living] if tenant_id is None else [living, _USERS.c.tenant_id == tenant_id]


def _records(work: Work, rows: Sequence[Row[Any]], now_ms: int) -> list[UserRecord]:
    roles: dict[str, list[str]] = {}
    for tenant_id in {row.tenant_id for row in rows}:
        ids = [row.id for row in rows if row.tenant_id == tenant_id]
        held = roles_of_users(work, tenant_id, ids, now_ms)
        roles |= {user_id: [role.name for role in given] for user_id, given in held.items()}
    return [
        UserRecord(
            row.id, row.tenant_id, row.organization, row.user_name, row.display_name, row.active, roles[row.id]
        )
        for row in rows
    ]  # fmt: skip
