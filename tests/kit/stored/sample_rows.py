"""A row of every table, three times over: what one row refers to by its id is the row of the same number in any table.

All texts of a row are one and the same id, so that every join finds its partner, whether a foreign key says so or not.
"""

from __future__ import annotations

import hashlib
from typing import Any

from sqlalchemy import Boolean, Column, Integer, LargeBinary, Table, insert
from sqlmodel import SQLModel

from ostiary.store.tables.columns import Digest
from ostiary.store.work import Work

ROWS = range(3)
NUMBER = 1_000
"""A number in each row, from which bounds are taken."""


def add_sample_rows(work: Work) -> None:
    """Fills every table; those that others refer to first."""
    for table in SQLModel.metadata.sorted_tables:
        work.run(insert(table), [sample_row(table, number) for number in ROWS])


def sample_row(table: Table, number: int) -> dict[str, Any]:
    """The row of that number. What may be absent is absent, but for references."""
    return {column.name: sample(column, number) for column in table.columns}


def sample(column: Column[Any], number: int) -> Any:
    """The value of a column in the row of that number."""
    if column.nullable and not column.foreign_keys:
        return None
    return present(column, number)


def present(column: Column[Any], number: int) -> Any:
    """The value of a column, also of one that may be absent."""
    text = f"{number}1111111-1111-4111-8111-111111111111"
    match column.type:
        case Digest():
            return hashlib.sha256(text.encode()).hexdigest()
        case LargeBinary():
            return text.encode()
        case Boolean():
            return True
        case Integer():
            return NUMBER + number
    return text[: getattr(column.type, "length", None)]
