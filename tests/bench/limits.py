"""What the machine does at most, measured beside the row that is held against it.

A machine that others share is twice as fast in one minute as in the next, so a limit of ten minutes ago says nothing:
before and after each turn of such a row its limit is measured, and the turn is held against the mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.baselines import machine, peer, static
from bench.load import drive
from bench.operations import basic, get, post

SECONDS = 3.0
Rate = Callable[[], float]


@dataclass(frozen=True)
class Limits:
    """Each measures a rate a second when it is called. `peer` is None where Node cannot be had."""

    verifications: Rate
    static: Rate
    peer: Rate | None


FRESH = 'wrk.headers["Cache-Control"] = "no-cache"\n'
"""Asks a worker for a document that Envoy would answer itself."""


@contextmanager
def limits(folder: Path) -> Iterator[Limits]:
    """The reference servers run as long as the context; idle they take no time."""
    with static.running(folder / "static") as fixed, peer.running(folder / "peer") as node:
        script = post({"grant_type": "client_credentials"}, basic("bench", "bench-secret"))

        def tokens(seconds: float = SECONDS) -> float:
            return drive(str(node), script, seconds=seconds).rate

        def documents(seconds: float = SECONDS) -> float:
            return drive(fixed + static.PATH, get() + FRESH, seconds=seconds).rate

        documents(1)
        if node:
            tokens(2)  # Node compiles what it does often
        yield Limits(machine.verifications_per_second, documents, tokens if node else None)
