"""Write lock of a SQLite database: one writer at a time, of all threads of all processes.

Writers queue in the kernel for a lock on a file, which is fair and is released when the process that holds it ends;
SQLite's own busy handler sleeps, so that some writers never get their turn. `flock` has no deadline, so one thread of
each process waits there, and the other threads wait for that thread with a deadline.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue

from ostiary.store.drivers.failures import refused_by_the_file_system
from ostiary.store.drivers.waiting import busy


class Turns:
    """The turns of writers of one database file; `path` is the file that they lock."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._here = threading.Lock()
        self._doorman: _Doorman | None = None

    @contextmanager
    def turn(self, patience_s: float) -> Iterator[None]:
        """Excludes all other writers. Raises STORE_BUSY after `patience_s` seconds, and STORE_READ_ONLY or
        STORE_UNAVAILABLE where the file system refuses."""
        latest = time.monotonic() + patience_s
        if not self._here.acquire(timeout=patience_s):
            raise busy()
        try:
            descriptor = self._locked(latest)
            try:
                yield
            finally:
                os.close(descriptor)
        finally:
            self._here.release()

    def _locked(self, latest: float) -> int:
        """The locked file; called by one thread at a time."""
        try:
            return _locked(self._path, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pass
        except OSError as error:
            raise refused_by_the_file_system(error) from error
        if self._doorman is None or not self._doorman.is_here:
            self._doorman = _Doorman(self._path)
        return self._doorman.locked(latest - time.monotonic())


def _locked(path: str, how: int) -> int:
    """A descriptor that holds the lock until it is closed."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, how)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


class _Doorman:
    """The thread that waits in the kernel. It continues when the thread that asked for the lock has given up: the next
    one waits less, and when no thread wants the lock any more, it releases it."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._process = os.getpid()
        self._asked: SimpleQueue[None] = SimpleQueue()
        self._changing = threading.Lock()
        self._is_waiting = False
        self._wanted: SimpleQueue[int | OSError] | None = None
        threading.Thread(target=self._wait, name="turns", daemon=True).start()

    @property
    def is_here(self) -> bool:
        """A fork does not take the thread along."""
        return self._process == os.getpid()

    def locked(self, patience_s: float) -> int:
        """The locked file, or STORE_BUSY after `patience_s`; of one caller at a time."""
        answer: SimpleQueue[int | OSError] = SimpleQueue()
        with self._changing:
            self._wanted = answer
            if not self._is_waiting:
                self._is_waiting = True
                self._asked.put(None)
        try:
            got = answer.get(timeout=max(0.0, patience_s))
        except Empty:
            with self._changing:
                self._wanted = None
            if answer.empty():
                raise busy() from None
            got = answer.get()  # it came at the last moment
        if isinstance(got, OSError):
            raise refused_by_the_file_system(got) from got
        return got

    def _wait(self) -> None:
        while True:
            self._asked.get()
            got = self._lock()
            with self._changing:
                self._is_waiting = False
                wanted, self._wanted = self._wanted, None
                if wanted is not None:
                    wanted.put(got)
                elif not isinstance(got, OSError):
                    os.close(got)

    def _lock(self) -> int | OSError:
        try:
            return _locked(self._path, fcntl.LOCK_EX)
        except OSError as error:
            return error
