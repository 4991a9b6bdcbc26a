"""SQLite: opens the database for reading, for transactions, and for single statements."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

IMMEDIATE = "BEGIN IMMEDIATE"
"""A transaction that will write waits here, where waiting is safe, and not at its first change."""
_Engines = tuple[Engine, Engine, Engine]


def open_sqlite(url: URL, lock_timeout_ms: int) -> _Engines:
    """Engines that read, that write a transaction, and that write each statement by itself."""
    # mode=rw: a database that went away is an error, not an empty one made in its place.
    file = f"file:{quote(str(url.database))}?mode=rw"
    common: dict[str, Any] = {
        "creator": lambda: sqlite3.connect(file, uri=True, check_same_thread=False),
        "hide_parameters": True, "poolclass": NullPool,
    }  # fmt: skip
    reading, single = (create_engine(url, isolation_level="AUTOCOMMIT", **common) for _ in range(2))
    pragmas = ["foreign_keys=ON", f"busy_timeout={lock_timeout_ms}", "cache_size=-8000", "temp_store=MEMORY"]
    _on_connect(reading, [*pragmas, "query_only=ON"])
    writing = create_engine(url, **common)
    for engine in (writing, single):
        # NORMAL: a commit gives the log to the kernel; `reach_the_disk` waits for it when others may write again.
        _on_connect(engine, ["journal_mode=WAL", "synchronous=NORMAL", *pragmas])
    return reading, writing, single


def migrating_sqlite(url: URL) -> Engine:
    """SQLite alters a table by copying it and dropping the old one, which with foreign keys on would delete whatever
    refers to it."""
    engine = create_engine(url, hide_parameters=True)
    _on_connect(engine, ["journal_mode=WAL", "synchronous=FULL", "foreign_keys=OFF"])
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(IMMEDIATE))
    return engine


def reach_the_disk(wal: str) -> None:
    """Waits until all that is in the write-ahead log is on the disk: what SQLite's `synchronous=FULL` does, but not
    while it holds the lock, so that the commits of several processes reach the disk together."""
    try:
        descriptor = os.open(wal, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return  # the last connection was closed, and what was in it is in the database itself
    try:
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)


def is_writable(file: Path) -> bool:
    """Whether the file system lets us write the database and, beside it, its log."""
    return os.access(file, os.W_OK) and os.access(file.parent, os.W_OK)


def _on_connect(engine: Engine, pragmas: list[str]) -> None:
    def prepare(connection: Any, _record: Any) -> None:
        # The driver must not open transactions of its own: they are ours (else two writers lose updates).
        connection.isolation_level = None
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    event.listen(engine, "connect", prepare)
