"""The connections of a process, ready to use.

Who needs one takes it and gives it back, which costs a microsecond; a pool that checks, resets and wraps each time
costs thirty. There is nothing to reset: readers are in autocommit, writers end what they began.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from queue import Empty, SimpleQueue

import psycopg
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DataError, IntegrityError

from ostiary.errors import DomainError, unavailable

TIMEOUT_S = 3.0
"""How long a request waits for a connection before it is told to come back."""


_HARMLESS = (
    DomainError, IntegrityError, DataError, sqlite3.IntegrityError, psycopg.IntegrityError, psycopg.DataError,
)  # fmt: skip
"""What a request or a row was refused for, and no connection has anything to do with."""


class Connections:
    """At most `size` connections, opened when first needed."""

    def __init__(self, engine: Engine, size: int) -> None:
        self._engine = engine
        self._size = size
        self._idle: list[Connection | None] = []
        self._free: SimpleQueue[None] = SimpleQueue()
        for _ in range(size):
            self._put(None)

    def take(self) -> Connection:
        """One connection, for one thread, until it is given back; raises STORE_BUSY."""
        try:
            self._free.get(timeout=TIMEOUT_S)
        except Empty:
            raise unavailable("STORE_BUSY", "The server is too busy; repeat in a moment.") from None
        connection = self._idle.pop()
        if connection is not None:
            return connection
        try:
            return self._engine.connect()
        except BaseException:
            self._put(None)
            raise

    def give(self, connection: Connection, error: BaseException | None = None) -> None:
        """Gives it back; `error` is what ended its use."""
        if error is None or isinstance(error, _HARMLESS):
            self._put(connection)
        else:
            # Whatever it was, the connection may be what broke; and if it is, so are those that were opened with it.
            self._drop(connection)
            self._drop_idle()

    def close(self) -> None:
        """Closes those that nobody uses; the next read opens anew (needed after a fork, too)."""
        self._drop_idle()
        self._engine.dispose()

    def _drop(self, connection: Connection) -> None:
        connection.invalidate()
        connection.close()
        self._put(None)

    def _drop_idle(self) -> None:
        taken = []
        with suppress(Empty):
            for _ in range(self._size):
                self._free.get_nowait()
                taken.append(self._idle.pop())
        for connection in taken:
            if connection is None:
                self._put(None)
            else:
                self._drop(connection)

    def _put(self, connection: Connection | None) -> None:
        """The last one given back is the next one taken, so that a quiet server uses few, whose statements the database
        knows already. `_free` counts what `_idle` holds: put there first, it is there whenever it was counted."""
        self._idle.append(connection)
        self._free.put(None)
