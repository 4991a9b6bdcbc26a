"""Preferences in the filters and orders of cloudapi."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import func, literal, select, true, union_all

from ostiary.directory.preferences.preferences import Preference
from ostiary.http.fiql import Comparator, matches, read_fiql
from ostiary.store.tables.columns import SORTED
from ostiary.store.work import Work

_FIELDS = ("classifier", "name", "value")


def page_of_preferences(
    work: Work, among: Sequence[Preference], filter: str, *, encoded: bool, sort: str, descending: bool, offset: int,
    limit: int,
) -> tuple[list[Preference], int]:  # fmt: skip
    """One page of those preferences that match the FIQL `filter` (empty: all), sorted by (`sort`, classifier), and how
    many match. Raises INVALID_FILTER."""
    rows = union_all(
        *(select(*(literal(getattr(one, name), SORTED).label(name) for name in _FIELDS)) for one in among)
    ).subquery("preferences")
    fields: Mapping[str, Comparator] = {name: matches(func.lower(rows.c[name]), str.lower) for name in _FIELDS}
    wanted = read_fiql(filter, fields, encoded=encoded) if filter else true()
    total = work.row(select(func.count()).select_from(rows).where(wanted))
    key = rows.c[sort]
    order = (key.desc(), rows.c.classifier.desc()) if descending else (key, rows.c.classifier)
    page = work.rows(select(rows).where(wanted).order_by(*order).offset(offset).limit(limit)) if limit else ()
    return [Preference(**row._asdict()) for row in page], total[0] if total else 0
