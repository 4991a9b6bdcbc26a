"""Queries of lists: filter, order and page as a client asks for them, whatever is listed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, true

from ostiary.errors import invalid
from ostiary.http.fiql import Comparator, read_fiql
from ostiary.http.paging import Page


@dataclass(frozen=True, slots=True)
class ListQuery:
    """A page of a list. `filter` is FIQL, empty for all; `encoded`: its values are percent-encoded once more."""

    page: Page
    sort: str
    filter: str = ""
    encoded: bool = False
    descending: bool = False

    def condition(self, fields: Mapping[str, Comparator]) -> ColumnElement[bool]:
        """The filter as a condition on these fields; raises INVALID_FILTER."""
        return read_fiql(self.filter, fields, encoded=self.encoded) if self.filter else true()

    def order(self, keys: Mapping[str, ColumnElement[Any]], last: ColumnElement[Any]) -> Sequence[ColumnElement[Any]]:
        """The order by the key that was asked for, then by `last`, which no two entries share; raises INVALID_SORT."""
        key = keys.get(self.sort)
        if key is None:
            raise invalid("INVALID_SORT", f"This list can be sorted by {', '.join(keys)}.")
        return (key.desc(), last.desc()) if self.descending else (key, last)
