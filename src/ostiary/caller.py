"""Cancellation: whether a client still waits for the result of what a thread does.

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
"""The tolerance before a deadline: a client that cancels so shortly before it did so because of the deadline, since its
clock began to run earlier."""


class Caller(Protocol):
    """The client that waits for an answer: what grpc calls the context of a request."""

    def is_active(self) -> bool:
        """Whether the client still waits."""
        ...

    def time_remaining(self) -> float:
        """Returns the seconds until the client's deadline, 0 when it has passed."""
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
    """Returns how a request ended whose client does not wait any more: the client, or a proxy between us, cancelled
    it."""
    if caller.time_remaining() <= CLOSE_TO_THE_DEADLINE_S:
        return DomainError(Kind.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", "The deadline passed before the answer.")
    return DomainError(Kind.CANCELLED, "CANCELLED", "The caller cancelled the request before its answer.")
