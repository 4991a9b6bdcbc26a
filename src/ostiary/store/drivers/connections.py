"""Connection pool of a process.

To take a connection and to give it back costs a microsecond; a pool that checks, resets and wraps each time costs
thirty. There is nothing to reset: readers are in autocommit, writers end their transactions.
"""

from __future__ import annotations

from contextlib import suppress
from queue import Empty, SimpleQueue

from sqlalchemy import Connection, Engine

from ostiary.lanes import blocking
from ostiary.store.drivers.failures import HARMLESS, is_silence
from ostiary.store.drivers.waiting import Outage, Queue, busy

TIMEOUT_S = 3.0
"""The time for which a request waits for a connection before it is refused with a retry time."""


class Connections:
    """A pool of at most `size` connections, opened when first needed. At most `waiting` threads wait when none is
    free."""

    def __init__(self, engine: Engine, size: int, waiting: int, outage: Outage) -> None:
        self._engine = engine
        self.size = size
        self._idle: list[Connection | None] = []
        self._free: SimpleQueue[None] = SimpleQueue()
        self._queue = Queue(waiting)
        self._outage = outage
        self._least_idle = size
        for _ in range(size):
            self._put(None)

    def take(self) -> Connection:
        """Takes a connection, for one thread, until it is given back; raises STORE_BUSY or STORE_UNAVAILABLE."""
        self._outage.check()
        try:
            self._free.get_nowait()
        except Empty:
            self._wait()
        connection = self._idle.pop()
        if len(self._idle) < self._least_idle:
            self._least_idle = len(self._idle)
        if connection is not None:
            return connection
        try:
            with blocking:
                return self._engine.connect()
        except BaseException as error:
            self._put(None)
            if is_silence(error):
                self._outage.begin()
            raise

    def give(self, connection: Connection, error: BaseException | None = None) -> None:
        """Gives it back; `error` is what ended its use."""
        if error is None or isinstance(error, HARMLESS):
            self._put(connection)
        else:
            # Whatever it was, the connection may be what broke; and if it is, so are those that were opened with it.
            self._drop(connection)
            self.drop_idle()

    def close(self) -> None:
        """Closes those that nobody uses; the next read opens anew (needed after a fork, too)."""
        self.drop_idle()
        self._engine.dispose()

    def drop_idle(self) -> None:
        """Closes all that nobody uses."""
        for connection in self._taken_back(self.size):
            self._drop(connection)

    def drop_unused(self) -> None:
        """Closes those that nobody has used since the last call, so that a burst does not hold its connections for
        ever."""
        unused, self._least_idle = self._least_idle, self.size
        for connection in self._taken_back(unused):
            self._drop(connection)

    def _wait(self) -> None:
        with blocking, self._queue.joined():
            try:
                self._free.get(timeout=TIMEOUT_S)
            except Empty:
                raise busy() from None

    def _taken_back(self, most: int) -> list[Connection | None]:
        """Removes at most so many of the unused connections from the pool, the least recently used ones."""
        taken = []
        with suppress(Empty):
            for _ in range(most):
                self._free.get_nowait()
                taken.append(self._idle.pop(0))
        return taken

    def _drop(self, connection: Connection | None) -> None:
        """Closes a connection; its place in the pool is used only when all open connections are in use."""
        if connection is not None:
            connection.invalidate()
            connection.close()
        self._idle.insert(0, None)
        self._free.put(None)

    def _put(self, connection: Connection | None) -> None:
        """The last one given back is the next one taken, so that a quiet server uses few, whose statements the database
        knows already. `_free` counts what `_idle` holds: put there first, it is there whenever it was counted."""
        self._idle.append(connection)
        self._free.put(None)
