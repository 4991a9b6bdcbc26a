"""Jobs of the signing queue: what a request wants signed and written, and what it is answered."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, Protocol, TypeVar

from ostiary.caller import Caller, check_awaited
from ostiary.errors import DomainError, unavailable
from ostiary.keys.signing import Signer
from ostiary.lanes import LaneExecutor, own_executor
from ostiary.store.work import Work

LARGEST_BATCH = 64
Finished = TypeVar("Finished")
Taken = TypeVar("Taken")
Finish = Callable[[Work, list[bytes]], Finished]
"""Writes what else belongs to a request: gets the transaction of its batch and its signatures."""


class Outcome(Protocol):
    """The place for what comes of a job: a queue where a thread waits, `Later` where none does."""

    def put(self, outcome: Any, /) -> None:
        """Brings the result, or the exception that there is in its place."""
        ...


@dataclass(frozen=True, slots=True)
class Job:
    signer: Signer | None
    inputs: Sequence[bytes]
    rows: Sequence[dict[str, object]]
    finish: Finish[Any] | None = None
    awaited: bool = True
    last: bool = False
    caller: Caller | None = None
    lane_executor: LaneExecutor | None = field(default_factory=own_executor)
    done: Outcome = field(default_factory=SimpleQueue)
    claimed: threading.Lock = field(default_factory=threading.Lock)

    @property
    def writes(self) -> bool:
        """Whether it has rows, or a `finish` that may write some."""
        return bool(self.rows or self.finish)

    def claim(self) -> bool:
        """Returns True to the first that asks: the thread that will run the job, or the request that waits, which gives
        up before that."""
        return self.claimed.acquire(blocking=False)


Batch = list[tuple[Job, Any]]
"""Jobs, each with its signatures or with the exception that making them raised."""


def taken(queue: SimpleQueue[Taken], within_s: float | None = None) -> list[Taken]:
    """Waits for one, and takes what else is there; raises Empty when none comes `within_s`."""
    taken = [queue.get(timeout=within_s)]
    try:
        while len(taken) < LARGEST_BATCH:
            taken.append(queue.get_nowait())
    except Empty:
        pass
    return taken


def is_last(batch: Batch) -> bool:
    return any(job.last for job, _ in batch)


def is_alone(batch: Batch) -> bool:
    """Whether the transaction belongs to one request, so that what ends it concerns nobody else."""
    return len(batch) == 1 and batch[0][0].finish is not None


def unless_gone(job: Job, made: Any) -> Any:
    try:
        check_awaited(job.caller)
    except DomainError as gone:
        return gone
    return made


def busy() -> DomainError:
    """Returns the error for a request whose rows are not written in time."""
    return unavailable("LEDGER_BUSY", "The server is too busy; repeat in a moment.")


def failure_of(error: Exception) -> Exception:
    """An exception of its own for every waiting thread: raised twice, one would carry both tracebacks."""
    if isinstance(error, DomainError):
        return DomainError(error.kind, error.reason, error.message, **error.facts)
    failure = RuntimeError("the batch of this request could not be signed and recorded")
    failure.__cause__ = error
    return failure
