"""Compiled statements that all stores of a test run share, one set for each kind of database."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import Engine
from sqlalchemy.util import LRUCache

STATEMENTS = 5000


def share_compiled_statements() -> None:
    """SQLAlchemy keeps what it compiled by engine and dialect. Here engines of one kind of database are one for it."""
    shared: dict[type, LRUCache[Any, Any]] = defaultdict(lambda: LRUCache(STATEMENTS))
    cache = property(lambda engine: shared[type(engine.dialect)], lambda engine, own: None)
    Engine._compiled_cache = cache  # type: ignore[assignment]  # noqa: SLF001 without it tests are slow, not wrong
    for dialect in (SQLiteDialect_pysqlite, PGDialect_psycopg):
        dialect.__eq__ = lambda self, other: type(self) is type(other)  # type: ignore[method-assign]
        dialect.__hash__ = lambda self: hash(type(self))  # type: ignore[method-assign]
