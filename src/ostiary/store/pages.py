"""Pages of long lists. Both databases walk an index to an offset, so a page is read from the nearer end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, Subquery, Table, UnaryExpression, case, func, select
from sqlalchemy.sql import operators

from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work

Entry = TypeVar("Entry")
FURTHEST = 1 << 30
"""Rows that are passed over at most: no table has more, and the databases calculate with 32 bits."""
Conditions = Sequence[ColumnElement[bool]]
Order = Sequence[ColumnElement[Any]]


def page_of(
    table: Table, chosen: Conditions, order: Order, *, start: int, count: int, about: int, counting: Select[Any]
) -> Subquery:  # fmt: skip
    """The `tenant_id` and `id` of each row on one page, which may begin too early (`on_page`), and the `total` of rows
    that are `chosen`, to be joined and sorted again.

    `start` counts from 1; `order` ends with the id. `counting` counts what is chosen. `about`: how many rows
    there may be, 0 where nobody knows; it need not be right. Ids alone: an index holds them, so that what is passed
    over costs no row.
    """
    counted = counting.cte("counted")
    total = select(counted.c.n).scalar_subquery()
    ids = select(table.c.tenant_id, table.c.id).where(*chosen).limit(count)
    offset = _passed_over(start)
    if 0 < about < 2 * offset:
        behind = total - (offset + count)  # in the same statement: what comes in between must not move the page
        ids = ids.order_by(*map(_reversed, order)).offset(case((behind > 0, behind), else_=0))
        return ids.add_columns(total.label("total")).subquery("page")
    found = ids.order_by(*order).offset(offset).cte("found")
    on_it = select(func.count()).select_from(found).scalar_subquery()
    # A page that is not full is the last one, so that what a rare filter chooses is looked for once and not counted.
    known = case((on_it < count, on_it + offset), else_=total)
    return select(found.c.tenant_id, found.c.id, known.label("total")).subquery("page")


def _passed_over(start: int) -> int:
    return min(max(start, 1) - 1, FURTHEST)


def on_page(found: Sequence[Entry], total: int, start: int) -> Sequence[Entry]:
    """Returns the entries that belong to the page: read from the end, the last page begins too early, and so would one
    behind it."""
    return found[max(len(found) - max(total - max(start, 1) + 1, 0), 0) :]


def counted_rows(table: Table, *chosen: ColumnElement[bool]) -> Select[Any]:
    """Counts the rows that are chosen, as `n`."""
    return select(func.count().label("n")).select_from(table).where(*chosen)


def total_of_empty(work: Work, counting: Select[Any], start: int, count: int) -> int:
    """Returns how many rows there are where a page has none: none at all if it was the first one."""
    return 0 if start <= 1 and count > 0 else how_many(work, counting)


def how_many(work: Work, counting: Select[Any]) -> int:
    """Returns the number that was counted."""
    row = work.row(counting)
    return int(row.n) if row else 0


def about_how_many(work: Work, tenant: TenantView, name: str, counting: Select[Any]) -> int:
    """About how many rows of a kind a tenant has: what was counted under this generation of the tenant."""
    return tenant.cached(("about how many", name), lambda: how_many(work, counting))


def _reversed(column: ColumnElement[Any]) -> ColumnElement[Any]:
    descends = isinstance(column, UnaryExpression) and column.modifier is operators.desc_op
    return column.element if descends else column.desc()
