"""The caller of the request that a thread answers, and whether that caller still waits.

A caller may have cancelled, or the deadline may have passed, long before the request is looked at. The caller was told
then that nothing is known to have happened, so nothing may happen: slow work and commits ask here first.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from ostiary.errors import DomainError, Kind

_own = threading.local()
CLOSE_TO_THE_DEADLINE_S = 0.02
"""A call that ends so shortly before its deadline ended because of it: the caller's clock started earlier."""


class Caller(Protocol):
    """The one who waits for an answer: what grpc calls the context of a request."""

    def is_active(self) -> bool:
        """Whether the caller still waits."""
        ...

    def time_remaining(self) -> float:
        """Seconds until the caller's deadline, 0 when it has passed."""
        ...

    def add_callback(self, callback: Callable[[], None]) -> bool:
        """Has `callback` called when the request ends, however it does; False when it has ended already."""
        ...


def set_caller(caller: Caller | None) -> None:
    """Names the one for whom this thread works from now on; None for nobody."""
    _own.caller = caller


def own_caller() -> Caller | None:
    """The one for whom this thread works; None for work that no request asked for, which nobody can cancel."""
    return getattr(_own, "caller", None)


def check_awaited(caller: Caller | None) -> None:
    """Raises CANCELLED or DEADLINE_EXCEEDED when `caller` does not wait any more."""
    if caller is not None and not caller.is_active():
        raise departure(caller)


def departure(caller: Caller) -> DomainError:
    """The error of a request whose caller does not wait any more: the caller or a proxy between us gave it up."""
    if caller.time_remaining() <= CLOSE_TO_THE_DEADLINE_S:
        return DomainError(Kind.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", "The deadline passed before the answer.")
    return DomainError(Kind.CANCELLED, "CANCELLED", "The caller cancelled the request before its answer.")
