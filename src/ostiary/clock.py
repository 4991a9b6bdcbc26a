"""Clock: time is passed in, so that tests can set it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import Protocol


class Clock(Protocol):
    """Tells the time. Everything in the store is UTC milliseconds since the epoch."""

    def now_ms(self) -> int:
        """UTC milliseconds since the epoch."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        """UTC milliseconds since the epoch."""
        return time.time_ns() // 1_000_000


class FixedClock:
    """A clock that shows the same time until it is moved; for tests."""

    def __init__(self, now_ms: int = 1_700_000_000_000) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        """The moment at which the clock was set."""
        return self._now_ms

    def advance(self, seconds: float) -> None:
        """Moves the clock forward by this many seconds."""
        self._now_ms += int(seconds * 1000)


def in_words(ms: int) -> str:
    """`ms` as mails say it, such as `29 May 2019, 12:45 UTC`."""
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"


def rfc3339(ms: int) -> str:
    """`ms` as RFC 3339 with milliseconds and `Z`, such as `2019-05-29T12:45:30.671Z`."""
    return f"{_second(ms // 1000)}.{ms % 1000:03d}Z"


@lru_cache(maxsize=4_096)
def _second(seconds: int) -> str:
    """A second, which the users of a page often share: an import makes many in one."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"
