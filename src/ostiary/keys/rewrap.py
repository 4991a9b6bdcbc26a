"""Change of the master key: every sealed value of a store is sealed again under another one.

Sealed columns are called `sealed_…` and are in tables with a tenant and a primary key of one column beside it: they are
found by that, so none can be forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Column, Table, bindparam, select, update
from sqlmodel import SQLModel

from ostiary.keys.sealing import SealedField, Sealing
from ostiary.store.installation import MASTER_KEY, record_fact
from ostiary.store.work import Work

PREFIX = "sealed_"


def sealed_columns() -> Iterator[tuple[Table, Column[str]]]:
    """Returns every column that contains sealed values, with its table."""
    for table in SQLModel.metadata.sorted_tables:
        yield from ((table, column) for column in table.columns if column.name.startswith(PREFIX))


def rewrap(work: Work, sealing: Sealing) -> int:
    """Seals everything under the first key of `sealing`; how many values.

    Raises SealBroken when a value opens under none of the keys.
    """
    count = sum(_rewrap_column(work, sealing, table, column) for table, column in sealed_columns())
    record_fact(work, MASTER_KEY, sealing.key_id)
    return count


def _rewrap_column(work: Work, sealing: Sealing, table: Table, column: Column[str]) -> int:
    (key,) = (each for each in table.primary_key.columns if each is not table.c.tenant_id)
    current = f"1.{sealing.key_id}.%"
    rows = work.rows(select(table.c.tenant_id, key, column).where(column != "", column.not_like(current)))
    changed = []
    for tenant_id, row_id, sealed in map(list, rows):
        place = SealedField(tenant_id, table.name, row_id, column.name)
        changed.append(
            {"of_tenant": tenant_id, "row_id": row_id, "sealed": sealing.seal(sealing.open(sealed, place), place)}
        )
    if changed:
        row = (table.c.tenant_id == bindparam("of_tenant"), key == bindparam("row_id"))
        work.run(update(table).where(*row).values({column: bindparam("sealed")}), changed)
    return len(changed)
