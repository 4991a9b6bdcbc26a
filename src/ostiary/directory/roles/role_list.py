"""Roles that can be given in an organization, the built-in ones among them: one list, found by a filter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, String, Subquery, cast, func, literal, select, true, union_all
from sqlalchemy import false as never

from ostiary.directory.roles.bindings import HeldRole, roles_named
from ostiary.directory.roles.built_in import BUILT_IN, FOR_HOLDERS, PLATFORM_OPERATOR, role_id
from ostiary.directory.roles.permissions import Permissions, no_such_role, read_permissions, write_permissions
from ostiary.directory.roles.stored_roles import list_stored_roles
from ostiary.http.fiql import Comparator, is_true, matches, read_fiql
from ostiary.names import folded, name_key
from ostiary.store.tables import OrganizationRole, table_of
from ostiary.store.tables.columns import SORTED
from ostiary.store.tenancy import SYSTEM_ID
from ostiary.store.work import Work

URN = "urn:vcloud:role:"
_ROLES = table_of(OrganizationRole)


@dataclass(frozen=True, slots=True)
class ListedRole:
    """A role of an organization. `name` is the built-in one's or the stored one's, `key` what bindings name it by."""

    id: str
    name: str
    description: str
    permissions: Permissions
    built_in: bool

    @property
    def key(self) -> str:
        """The name of a built-in role, the id of a stored one."""
        return self.name if self.built_in else self.id


def list_roles(
    work: Work, tenant_id: str, filter: str, *, encoded: bool, sort: str, descending: bool, offset: int, limit: int
) -> tuple[list[ListedRole], int]:
    """One page of the roles that match the FIQL `filter` (empty: all), sorted by (`sort`, id), and how many match.
    Raises INVALID_FILTER."""
    roles = _roles(tenant_id)
    wanted = read_fiql(filter, _filtered_by(roles), encoded=encoded) if filter else true()
    total = work.row(select(func.count()).select_from(roles).where(wanted))
    key: ColumnElement[Any] = {"name": roles.c.name_key, "id": roles.c.id, "description": roles.c.description}[sort]
    order = (key.desc(), roles.c.id.desc()) if descending else (key, roles.c.id)
    page = work.rows(select(roles).where(wanted).order_by(*order).offset(offset).limit(limit)) if limit else ()
    return [_read(row) for row in page], total[0] if total else 0


def organization_roles(work: Work, tenant_id: str) -> list[HeldRole]:
    """All roles that can be given in an organization, by name, as those who hold them are shown them."""
    stored = (role.id for role in list_stored_roles(work, tenant_id) if role.definition.service_definition_id is None)
    return roles_named(work, tenant_id, [*_built_in_names(tenant_id), *stored])


def get_role(work: Work, tenant_id: str, role: str) -> ListedRole:
    """The role with this id; raises ROLE_NOT_FOUND."""
    found = roles_by_id(work, tenant_id, [role])
    if not found:
        raise no_such_role()
    return found[0]


def roles_by_id(work: Work, tenant_id: str, ids: Sequence[str]) -> list[ListedRole]:
    """Those of the roles that exist, by their ids."""
    roles = _roles(tenant_id)
    return [_read(row) for row in work.rows(select(roles).where(roles.c.id.in_(ids)))] if ids else []


def roles_by_name(work: Work, tenant_id: str, names: Sequence[str]) -> list[ListedRole]:
    """Those of the roles that exist, by their names."""
    roles, keys = _roles(tenant_id), [name_key(name) for name in names]
    return [_read(row) for row in work.rows(select(roles).where(roles.c.name_key.in_(keys)))] if names else []


def _built_in_names(tenant_id: str) -> list[str]:
    return [name for name in FOR_HOLDERS if name != PLATFORM_OPERATOR or tenant_id == SYSTEM_ID]


def _roles(tenant_id: str) -> Subquery:
    """The roles as a table: the built-in ones are rows without one."""
    built_in = [
        select(
            literal(role_id(tenant_id, name), SORTED).label("id"), literal(name, SORTED).label("name"),
            literal(name_key(name), SORTED).label("name_key"),
            literal(BUILT_IN[name].display_name, String()).label("description"),
            literal(write_permissions(BUILT_IN[name].permissions), String()).label("permissions"),
            true().label("built_in"),
        )
        for name in _built_in_names(tenant_id)
    ]  # fmt: skip
    own = select(
        cast(_ROLES.c.id, SORTED), _ROLES.c.name, cast(_ROLES.c.name_key, SORTED), _ROLES.c.description,
        _ROLES.c.permissions, never(),
    ).where(_ROLES.c.tenant_id == tenant_id, _ROLES.c.service_definition_id.is_(None))  # fmt: skip
    return union_all(*built_in, own).subquery("roles")


def _filtered_by(roles: Subquery) -> Mapping[str, Comparator]:
    return {
        "name": matches(roles.c.name_key, folded),
        "id": matches(roles.c.id, lambda text: text.removeprefix(URN)),
        "description": matches(func.lower(roles.c.description), str.lower),
        "readOnly": is_true(roles.c.built_in),
    }


def _read(row: Row[Any]) -> ListedRole:
    return ListedRole(row.id, row.name, row.description, read_permissions(row.permissions), bool(row.built_in))
