"""Fields of groups in the filters and orders of cloudapi."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, func

from ostiary.directory.groups.search import sorted_by
from ostiary.http.fiql import Comparator, matches
from ostiary.names import folded
from ostiary.store.tables import Group, table_of

URN = "urn:vcloud:group:"
_GROUPS = table_of(Group)
GROUP_FIELDS: Mapping[str, Comparator] = {
    "id": matches(_GROUPS.c.id, lambda text: text.removeprefix(URN).lower()),
    "name": matches(_GROUPS.c.display_name_key, folded),
    "nameInSource": matches(_GROUPS.c.display_name_key, folded),
    "description": matches(func.lower(_GROUPS.c.description), str.lower),
}
"""The fields that groups are found by."""


def group_order(by: str, *, descending: bool) -> tuple[ColumnElement[Any], ...]:
    """The order by (field, id)."""
    return sorted_by("id" if by == "id" else "displayName", descending=descending)


def is_among(ids: Sequence[str]) -> ColumnElement[bool]:
    """Whether a group is one of these."""
    return _GROUPS.c.id.in_(ids)
