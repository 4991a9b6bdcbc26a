"""Searches: what a request for a list asks for, by GET or by POST (RFC 7644 §3.4.2, §3.4.3, RFC 9865)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import ColumnElement, Table, func, literal, select, tuple_

from ostiary.errors import DomainError, invalid
from ostiary.http.paging import Page
from ostiary.scim.cursors import Cursor, read_cursor, write_cursor
from ostiary.scim.filters.conditions import Searched, condition_of
from ostiary.scim.filters.grammar import read_path
from ostiary.scim.filters.nodes import Node
from ostiary.scim.filters.sources import Condition, Flag, Moment, Text
from ostiary.scim.schema.attributes import ResourceKind
from ostiary.scim.schema.chosen import EVERYTHING, Chosen
from ostiary.store.time_limits import TimeLimitReached, within
from ostiary.store.work import Work

LIST_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
LONGEST_S = 0.8
"""The time in which a list must be found: whoever asks for more is told to ask for less."""
TOO_SLOW = (
    "The filter or the order takes too long here. Compare an attribute that is indexed, such as userName, "
    "emails.value, externalId, displayName, active or meta.lastModified."
)
Column = ColumnElement[Any]
_LAST = "\U0010ffff"
"""Behind every text: what is absent comes last, first when sorted descending (RFC 7644 §3.4.2.3)."""
Read = Callable[[Sequence[Condition], Sequence[Column], Page], tuple[Sequence[Any], int]]


@dataclass(frozen=True, slots=True)
class Search:
    """A request for a list. `cursor` is None for pages by number; empty for the first page by cursor."""

    page: Page
    filter: Node | None = None
    filter_text: str = ""
    sort_by: str = ""
    sort_order: str = ""
    cursor: str | None = None
    chosen: Chosen = field(default=EVERYTHING)
    others: tuple[ResourceKind, ...] = ()
    """Kinds that are searched beside: what only they have, resources of this kind do not have."""


@dataclass(frozen=True, slots=True)
class Found:
    """A page of what was found; `next_cursor` is empty where pages go by number, and at the end."""

    entries: Sequence[Any]
    total: int
    start: int | None
    next_cursor: str = ""

    def document(self, resources: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """The ListResponse."""
        said: dict[str, Any] = {"schemas": [LIST_SCHEMA], "totalResults": self.total}
        if self.start is not None:
            said["startIndex"] = self.start
        if self.next_cursor:
            said["nextCursor"] = self.next_cursor
        return {**said, "itemsPerPage": len(resources), "Resources": resources}


def find(work: Work, search: Search, searched: Searched, table: Table, tenant_id: str, read: Read) -> Found:
    """Finds one page of the resources in `table`, which `read` reads by conditions, order and page.

    Raises INVALID_FILTER, INVALID_SORT, INVALID_CURSOR, and FILTER_TOO_SLOW for what would take longer than a moment.
    """
    conditions = [condition_of(search.filter, searched, search.others)] if search.filter is not None else []
    key = _sort_key(search.sort_by, searched, search.others)
    descending = _descends(search.sort_order)
    order = [column.desc() if descending else column for column in (key, table.c.id)]
    with _bounded(work):
        if search.cursor is None:
            entries, total = read(conditions, order, search.page)
            return Found(entries, total, search.page.start)
        return _by_cursor(work, search, conditions, (key, table.c.id), descending, table, tenant_id, read)


def _by_cursor(
    work: Work, search: Search, conditions: list[Condition], keys: tuple[Column, Column], descending: bool,
    table: Table, tenant_id: str, read: Read,
) -> Found:  # fmt: skip
    asked = (tenant_id, search.filter_text, search.sort_by.lower(), search.sort_order.lower())
    after = read_cursor(search.cursor, *asked) if search.cursor else None
    if after is not None:
        row, last = tuple_(*keys), tuple_(literal(after.key), literal(after.id))
        conditions = [*conditions, row < last if descending else row > last]
    order = [column.desc() if descending else column for column in keys]
    entries, total = read(conditions, order, replace(search.page, start=1))
    known = after.total if after is not None else total
    if len(entries) == total or not entries:
        return Found(entries, known, None)
    last_row = work.row(select(keys[0].label("key")).where(table.c.id == entries[-1].id))
    value = last_row.key if last_row is not None else ""
    return Found(entries, known, None, write_cursor(Cursor(value, entries[-1].id, known), *asked))


def _descends(order: str) -> bool:
    if order.lower() not in ("", "ascending", "descending"):
        raise invalid("INVALID_SORT", "sortOrder is ascending or descending.", scim_type="invalidValue")
    return order.lower() == "descending"


def _sort_key(sort_by: str, searched: Searched, others: Sequence[ResourceKind]) -> Column:
    default = "userName" if searched.kind.name == "User" else "displayName"
    place = None
    try:
        path = read_path(sort_by or default)
        if path.condition is None:
            place = searched.kind.find(path.name.urn, path.name.name, path.name.part)
        if place is None and any(other.find(path.name.urn, path.name.name, path.name.part) for other in others):
            return _sort_key("", searched, ())
    except DomainError:
        place = None
    key = None
    if place is not None and place.leaf is not None and place.leaf.returned != "never":
        source = searched.source(place)
        key = searched.sort_key(place)
        if key is None and isinstance(source, Text):
            key = func.coalesce(source.column, _LAST) if source.nullable else source.column
        elif key is None and isinstance(source, Flag | Moment):
            key = source.column
    if key is None:
        message = f"Resources cannot be sorted by {sort_by}."
        raise invalid("INVALID_SORT", message, scim_type="invalidPath")
    return key


@contextmanager
def _bounded(work: Work) -> Iterator[None]:
    try:
        with within(work, LONGEST_S):
            yield
    except TimeLimitReached as error:
        raise invalid("FILTER_TOO_SLOW", TOO_SLOW, scim_type="tooMany") from error
