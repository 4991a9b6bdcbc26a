"""Limit of threads that wait for the database, so that one that does not answer does not block all threads of a
process.

While the database answers, the queue moves and needs no limit. When it does not move, because a lock is held or a disk
does not answer, it must not take every thread: requests that do not need the database are answered all the time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ostiary.errors import DomainError, unavailable
from ostiary.store.drivers.failures import AWAY

BUSY = "STORE_BUSY"
PAUSE_S = 2.0
"""The time for which a database that did not answer is not asked again."""
STILL_S = 1.0
"""The time after which a queue that has not moved counts as blocked."""


class Queue:
    """A limit: at most `length` threads wait while nothing moves; any number while the queue moves."""

    def __init__(self, length: int) -> None:
        self._length = length
        self._changing = threading.Lock()
        self._waiting = 0
        self._moved = 0.0

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Waits, and is served, inside; raises STORE_BUSY at once where too many wait already."""
        self.join()
        try:
            yield
            self.moved()
        finally:
            self.leave()

    def join(self) -> None:
        """Begins to wait; raises STORE_BUSY where too many do already. Whoever joins must `leave`."""
        with self._changing:
            if not self._waiting:
                self._moved = time.monotonic()  # no thread was waiting: the queue counts as moving until now
            elif self._waiting >= self._length and time.monotonic() - self._moved > STILL_S:
                raise busy()
            self._waiting += 1

    def moved(self) -> None:
        """Notes that one was served."""
        self._moved = time.monotonic()

    def leave(self) -> None:
        """Waits no more."""
        with self._changing:
            self._waiting -= 1


def busy() -> DomainError:
    """Returns the error for a thread that has waited too long, or must not begin to wait."""
    return unavailable(BUSY, "The server is too busy; repeat in a moment.")


class Outage:
    """A database that said nothing to one need not be asked by all the others for a moment: the gateway repeats what
    was refused as long as its caller has patience, and each time would be waited for in vain."""

    def __init__(self) -> None:
        self._until = 0.0

    def begin(self) -> None:
        """Notes that a thread has waited in vain."""
        self._until = time.monotonic() + PAUSE_S

    def end(self) -> None:
        """Notes that a thread got an answer."""
        self._until = 0.0

    def check(self) -> None:
        """Raises STORE_UNAVAILABLE for a moment after a thread has waited in vain."""
        if self._until and time.monotonic() < self._until:
            raise unavailable("STORE_UNAVAILABLE", AWAY)
