"""Circuit breaker: a host that has failed several times in a row is not called for a while.

A call to a host that never answers holds a thread for seconds, and users wait for it at their sign-in.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ostiary.outgoing.targets import CallFailed, Target

FAILURES = 5
"""The number of failures in a row after which a host is not called."""
PAUSE_S = 30.0
"""Then one call is let through; the others wait for how it ends."""
REMEMBERED = 10_000
"""Targets that fail; the one that failed longest ago is forgotten first."""
_COUNTED = frozenset({"OUTGOING_UNREACHABLE", "OUTGOING_TIMEOUT", "OUTGOING_TLS", "OUTGOING_PROTOCOL"})
"""Failures of the other side. An answer is an answer, also 500."""

Key = tuple[str, str, int, str]


@dataclass(slots=True)
class _Failing:
    failures: int = 0
    open_until: float = 0.0


class Breaker:
    """Counts failures in this process by origin and path: a tenant that names another's host, with a path that never
    answers, does not stop calls of others to that host."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._failing: OrderedDict[Key, _Failing] = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def watching(self, target: Target) -> Iterator[None]:
        """Counts the result of one call; raises OUTGOING_SUSPENDED instead of calling a host that does not answer."""
        key = (*target.origin, target.path.partition("?")[0])
        self._check(key)
        try:
            yield
        except CallFailed as failed:
            if failed.reason in _COUNTED:
                self._count(key)
            else:
                self._forget(key)
            raise
        self._forget(key)

    def _check(self, key: Key) -> None:
        with self._lock:
            failing, now = self._failing.get(key), self._monotonic()
            if failing is None or failing.failures < FAILURES:
                return
            if now < failing.open_until:
                wait_s = int(failing.open_until - now) + 1
                message = f"The URL did not answer {FAILURES} times in a row; it is asked again in {wait_s} s."
                raise CallFailed("OUTGOING_SUSPENDED", message)
            failing.open_until = now + PAUSE_S

    def _forget(self, key: Key) -> None:
        with self._lock:
            self._failing.pop(key, None)

    def _count(self, key: Key) -> None:
        with self._lock:
            failing = self._failing.setdefault(key, _Failing())
            self._failing.move_to_end(key)
            failing.failures += 1
            failing.open_until = self._monotonic() + PAUSE_S
            if len(self._failing) > REMEMBERED:
                self._failing.popitem(last=False)
