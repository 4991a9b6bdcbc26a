"""Background task: its work, its interval, and a lease, so that one process at a time in the whole installation does
it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ostiary.clock import Clock
from ostiary.store.engine import Store
from ostiary.store.leases import give_lease_back, take_lease

LEASE_MS = 300_000
"""The length of a lease, longer than a turn should take; a process that dies keeps others out for as long. Turns that
overlap do no harm, they only do the same work twice."""


@dataclass(frozen=True, slots=True)
class Task:
    """`run` does one turn and returns; it is called again `interval_s` seconds after it returned."""

    name: str
    interval_s: float
    run: Callable[[], object]


def leased(
    store: Store, clock: Clock, holder: str, name: str, turn: Callable[[], object], lease_ms: int = LEASE_MS
) -> bool:
    """Does one turn, unless another process is at it; whether it was done here."""
    with store.write() as work:
        if not take_lease(work, name, holder, clock.now_ms(), lease_ms):
            return False
    try:
        turn()
    finally:
        with store.write() as work:
            give_lease_back(work, name, holder)
    return True
