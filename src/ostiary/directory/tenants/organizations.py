"""Organizations as administrators see them: lists with a filter, display names, metadata."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, func, or_, select, true

from ostiary.directory.tenants.tenants import LIVING
from ostiary.errors import DomainError, invalid, not_found
from ostiary.http.fiql import Comparator, is_true, matches, read_fiql
from ostiary.names import folded, name_key
from ostiary.store.comparing import starts_with
from ostiary.store.tables import Tenant, User, table_of
from ostiary.store.tenancy import touch
from ostiary.store.work import Work

URN = "urn:vcloud:org:"
MAX_DISPLAY_NAME = 200
CLASSIC = "isClassicTenant"
"""The name, among the facts that operators keep, under which it is stored that clients should not treat an organization
as a tenant of the older Identity Service: `false`."""
_DISPLAY_NAME = re.compile(r"[\w\-.`':@&, ]+")
"""The characters that CSP allows: letters and digits, - _ . ` ' : @ & , and blanks."""
_TENANTS, _USERS = table_of(Tenant), table_of(User)
_SORTED_BY: Mapping[str, ColumnElement[str]] = {
    "name": _TENANTS.c.name_key, "displayName": _TENANTS.c.display_name_key, "id": _TENANTS.c.id,
}  # fmt: skip
_FILTERED_BY: Mapping[str, Comparator] = {
    "name": matches(_TENANTS.c.name_key, folded, begins=starts_with),
    "displayName": matches(_TENANTS.c.display_name_key, folded, begins=starts_with),
    "id": matches(_TENANTS.c.id, lambda text: text.removeprefix(URN)),
    "isEnabled": is_true(_TENANTS.c.state == "enabled"),
}
_LISTED = (
    _TENANTS.c.id, _TENANTS.c.name, _TENANTS.c.display_name, _TENANTS.c.description, _TENANTS.c.state,
    _TENANTS.c.kind, _TENANTS.c.parent_id, _TENANTS.c.properties,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class OrganizationScope:
    """The organizations that a caller sees: all, or its own with or without those under it."""

    own: str
    all: bool = False
    children: bool = False

    def condition(self) -> ColumnElement[bool]:
        """As a condition on the table; what is deleted nobody sees."""
        living = _TENANTS.c.state.in_(("enabled", "disabled"))
        if self.all:
            return living
        under = _TENANTS.c.parent_id == self.own
        return and_(living, or_(_TENANTS.c.id == self.own, under) if self.children else _TENANTS.c.id == self.own)


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of organizations, with the number of all of them, and the counts and names that are shown with each."""

    total: int
    organizations: Sequence[Row[Any]]
    users: Mapping[str, int]
    children: Mapping[str, int]
    names: Mapping[str, str]


def organizations_seen(work: Work, scope: OrganizationScope) -> Sequence[Row[Any]]:
    """All organizations within `scope`, by name: id, name, display_name, description,
    state, kind, parent_id."""
    return work.rows(select(*_LISTED).where(scope.condition()).order_by(_TENANTS.c.name_key, _TENANTS.c.id))


def list_organizations(
    work: Work,
    scope: OrganizationScope,
    filter: str,
    *,
    encoded: bool,
    sort: str,
    descending: bool,
    offset: int,
    limit: int,
) -> Listing:
    """The organizations within `scope` that match the FIQL `filter` (empty: all), sorted by (`sort`, id).

    Raises INVALID_FILTER.
    """
    key = _SORTED_BY[sort]
    wanted = read_fiql(filter, _FILTERED_BY, encoded=encoded) if filter else true()
    which = and_(scope.condition(), wanted)
    total = work.row(select(func.count()).select_from(_TENANTS).where(which))
    order = (key.desc(), _TENANTS.c.id.desc()) if descending else (key, _TENANTS.c.id)
    page = work.rows(select(*_LISTED).where(which).order_by(*order).offset(offset).limit(limit)) if limit else ()
    return _listing(work, page, total[0] if total else 0)


def get_organization(work: Work, scope: OrganizationScope, tenant_id: str) -> Listing:
    """A listing of one organization, if it is within `scope`; raises ORG_NOT_FOUND."""
    found = work.rows(select(*_LISTED).where(scope.condition(), _TENANTS.c.id == tenant_id))
    if not found:
        raise no_such_organization()
    return _listing(work, found, 1)


def no_such_organization() -> DomainError:
    """Returns the error for an organization that does not exist, or that the caller does not see."""
    return not_found("ORG_NOT_FOUND", "There is no such organization.")


def _listing(work: Work, page: Sequence[Row[Any]], total: int) -> Listing:
    ids = [row.id for row in page]
    return Listing(
        total=total,
        organizations=page,
        users=_counts(work, _USERS.c.tenant_id, ids),
        children=_counts(work, _TENANTS.c.parent_id, ids),
        names=_names(work, {row.parent_id for row in page if row.parent_id}),
    )


def _counts(work: Work, column: ColumnElement[str], ids: Sequence[str]) -> dict[str, int]:
    if not ids:
        return {}
    counted = select(column.label("of"), func.count().label("number")).where(column.in_(ids)).group_by(column)
    return {row.of: row.number for row in work.rows(counted)}


def _names(work: Work, ids: set[str]) -> dict[str, str]:
    if not ids:
        return {}
    return {row.id: row.name for row in work.rows(select(_TENANTS.c.id, _TENANTS.c.name).where(_TENANTS.c.id.in_(ids)))}


@dataclass(frozen=True, slots=True)
class SubOrganization:
    """An organization below another one. `metadata` are facts that operators keep about it."""

    id: str
    name: str
    display_name: str
    metadata: Mapping[str, str]


def sub_organizations(work: Work, tenant_id: str) -> list[SubOrganization]:
    """The organizations directly below one, by name; those that are deleted are not."""
    columns = (_TENANTS.c.id, _TENANTS.c.name, _TENANTS.c.display_name, _TENANTS.c.properties)
    below = select(*columns).where(_TENANTS.c.parent_id == tenant_id, _TENANTS.c.state.in_(LIVING))
    rows = work.rows(below.order_by(_TENANTS.c.name_key, _TENANTS.c.id))
    return [SubOrganization(row.id, row.name, row.display_name, json.loads(row.properties)) for row in rows]


def metadata_of(work: Work, tenant_id: str) -> dict[str, str]:
    """The facts that operators keep about an organization."""
    row = work.row(select(_TENANTS.c.properties).where(_TENANTS.c.id == tenant_id))
    document: dict[str, str] = json.loads(row.properties) if row else {}
    return document


def rename_organization(work: Work, tenant_id: str, display_name: str, now_ms: int) -> None:
    """Gives an organization another name to show. Raises INVALID_DISPLAY_NAME for letters of no alphabet: of these
    the bounds of a request cannot tell."""
    if not _DISPLAY_NAME.fullmatch(display_name):
        raise invalid(
            "INVALID_DISPLAY_NAME",
            f"displayName has 1 to {MAX_DISPLAY_NAME} letters, digits, blanks or -_.`':@&, and is not blank.",
        )
    tenant = work.get(Tenant, tenant_id, lock=True)
    if tenant is None:
        raise not_found("TENANT_NOT_FOUND", "Not Found")
    tenant.display_name, tenant.display_name_key = display_name, name_key(display_name)
    tenant.modified_at = now_ms
    work.flush()
    touch(work, tenant_id)
