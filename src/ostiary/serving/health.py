"""Status of the health service: whether the database serves."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable

import structlog

from ostiary.store.engine import Store
from ostiary.transport.health import NOT_SERVING, SERVING, Health

CHECK_EVERY_S = 2.0
UNUSED_S = 60.0
"""A connection to the database that nobody used for so long is closed."""
_log = structlog.get_logger("ostiary.serving")


class Watch:
    """Sets the status of the health service: NOT_SERVING while the database is away or read-only, and once draining
    begins.

    The gateway checks the worker under another service name, so that it still sends requests: they get the dialect's
    503, while health checks get the true status.
    """

    def __init__(self, store: Store, state: Health, services: Iterable[str], workers: Iterable[str] = ()) -> None:
        """`services` follow the database; `workers` are names that only draining takes away."""
        self._store = store
        self._state = state
        self._names = ["", *services]
        self._workers = list(workers)
        self._draining = threading.Event()
        self._last_told: bool | None = None
        self._fault = ""
        self._setting = threading.Lock()

    def start(self) -> None:
        """Looks again and again, in a thread of its own."""
        threading.Thread(target=self._run, name="health", daemon=True).start()

    def drain(self) -> None:
        """NOT_SERVING from now on."""
        self._draining.set()
        for name in self._workers:
            self._state.set(name, NOT_SERVING)
        self._say(False)

    def check(self) -> None:
        """Looks once."""
        fault = self._store.fault()
        if fault and fault != self._fault and self._last_told is False:
            _log.warning(fault)
        self._fault = fault
        self._say(not fault)

    def _run(self) -> None:
        due = time.monotonic() + UNUSED_S
        while not self._draining.wait(CHECK_EVERY_S):
            self.check()
            if time.monotonic() > due:
                self._store.drop_unused()
                due = time.monotonic() + UNUSED_S

    def _say(self, serving: bool) -> None:
        with self._setting:
            serving = serving and not self._draining.is_set()
            if serving == self._last_told:
                return
            if self._last_told is not None and not self._draining.is_set():
                _log.warning("the database serves again" if serving else self._fault)
            self._last_told = serving
            for name in self._names:
                self._state.set(name, SERVING if serving else NOT_SERVING)
