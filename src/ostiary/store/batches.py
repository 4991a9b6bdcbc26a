"""Deletion in batches: a bounded number of rows in each transaction, so that other writers do not wait long."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Table, delete, select, tuple_

from ostiary.store.engine import Store

SIZE = 500


def delete_all(store: Store, table: Table, condition: ColumnElement[bool], *, batches: int = 1_000_000) -> int:
    """Deletes the rows for which `condition` holds, in at most `batches` transactions; how many."""
    key = tuple_(*table.primary_key.columns)
    doomed = select(*table.primary_key.columns).where(condition).limit(SIZE)
    statement = delete(table).where(key.in_(doomed))
    deleted = 0
    for _ in range(batches):
        with store.write() as work:
            gone = work.run(statement)
        deleted += gone
        if gone < SIZE:
            break
    return deleted
