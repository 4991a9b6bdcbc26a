"""Rights of which roles are made, as administrators see them: a list, found by a filter."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, String, func, literal, select, true, union_all

from ostiary.directory.roles.permissions import Permission
from ostiary.directory.roles.stored_roles import NOT_IN_ROLES
from ostiary.http.fiql import Comparator, matches, read_fiql
from ostiary.names import folded
from ostiary.store.tables.columns import SORTED
from ostiary.store.tenancy import SYSTEM_ID
from ostiary.store.work import Work

URN = "urn:vcloud:right:"
_DESCRIPTIONS: Mapping[Permission, str] = {
    Permission.TENANT_READ: "Read the configuration and the people of a tenant",
    Permission.TENANT_CHANGE: "Change the configuration and the people of a tenant, and see its secrets",
    Permission.TENANT_MANAGE: "Export, import and issue tokens to clients",
    Permission.ORGANIZATION_OWN: "Change an organization and its people, and see the organizations below it",
    Permission.ORGANIZATION_READ: "Read an organization and its people",
    Permission.ACCOUNT_OWN: "Use one's own account",
}


@dataclass(frozen=True, slots=True)
class Right:
    """A permission that roles can hold. The id is the same in every installation."""

    permission: Permission
    description: str

    @property
    def id(self) -> str:
        """Its GUID."""
        return str(uuid.uuid5(uuid.UUID(SYSTEM_ID), self.permission.value))

    @property
    def only_reads(self) -> bool:
        """Whether it lets nobody change anything."""
        return self.permission.value.endswith(".read")


RIGHTS: Mapping[str, Right] = {
    right.id: right for right in (Right(one, _DESCRIPTIONS[one]) for one in Permission if one not in NOT_IN_ROLES)
}
"""Every right by its id."""


def list_rights(
    work: Work, among: Iterable[Permission], filter: str, *, encoded: bool, sort: str, descending: bool, offset: int,
    limit: int,
) -> tuple[list[Right], int]:  # fmt: skip
    """One page of those rights of `among` that match the FIQL `filter` (empty: all), sorted by (`sort`, id), and how
    many match. Raises INVALID_FILTER."""
    chosen = [right for right in RIGHTS.values() if right.permission in frozenset(among)]
    if not chosen:
        return [], 0
    rows = union_all(*map(_row, chosen)).subquery("rights")
    fields: Mapping[str, Comparator] = {
        "id": matches(rows.c.id, lambda text: text.removeprefix(URN)), "name": matches(rows.c.name, folded),
        "description": matches(func.lower(rows.c.description), str.lower),
    }  # fmt: skip
    wanted = read_fiql(filter, fields, encoded=encoded) if filter else true()
    total = work.row(select(func.count()).select_from(rows).where(wanted))
    key: ColumnElement[Any] = rows.c[sort]
    order = (key.desc(), rows.c.id.desc()) if descending else (key, rows.c.id)
    page = work.rows(select(rows.c.id).where(wanted).order_by(*order).offset(offset).limit(limit)) if limit else ()
    return [_read(row) for row in page], total[0] if total else 0


def _row(right: Right) -> Any:
    return select(
        literal(right.id, SORTED).label("id"), literal(right.permission.value, SORTED).label("name"),
        literal(right.description, String()).label("description"),
    )  # fmt: skip


def _read(row: Row[Any]) -> Right:
    return RIGHTS[row.id]
