"""Signs tokens and appends the rows that go with them, for many requests at once.

One thread a process takes all that waits, signs it, appends its rows in one transaction and then releases the answers:
nobody sees a token before the row that records it is durable, yet one commit serves a whole batch. It also keeps the
other threads from fighting over the interpreter while a signature is made (a third more tokens a second than signing
in place).

Records on which no answer depends (reads, refusals) take the same way, only that nobody waits for them.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import structlog

from ostiary.errors import DomainError, unavailable
from ostiary.keys.keyring import Signer
from ostiary.store.audit import APPEND, Entry, row_of
from ostiary.store.engine import Store, translated
from ostiary.store.work import Work

LARGEST_BATCH = 64
TIMEOUT_S = 10.0
"""Longer than the store's own timeouts, so that its reason is heard; below the gateway's."""
LINGER_S = 0.05
"""How long rows lie for which nobody waits, so that few reads do not cost a commit each."""
LONGEST_QUEUE = 4_096
"""Of jobs; whoever comes then waits, so that a store that is too slow for its records slows down who causes them."""
_log = structlog.get_logger("ostiary.ledger")

Finished = TypeVar("Finished")
Finish = Callable[[Work, list[bytes]], Finished]
"""What else a request writes: gets the transaction of its batch and its signatures."""


@dataclass(frozen=True, slots=True)
class _Job:
    signer: Signer | None
    inputs: Sequence[bytes]
    rows: Sequence[dict[str, object]]
    finish: Finish[Any] | None = None
    awaited: bool = True
    done: SimpleQueue[Any] = field(default_factory=SimpleQueue)
    claimed: threading.Lock = field(default_factory=threading.Lock)

    def claim(self) -> bool:
        """True for the first who asks: the thread that will run it, or its waiter, who gives up before that."""
        return self.claimed.acquire(blocking=False)


class Ledger:
    """The sign-and-commit thread of this process; started at first use, so that a fork does not lose it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: SimpleQueue[_Job] = SimpleQueue()
        self._starting = threading.Lock()
        self._runs_in = 0

    def sign(self, signer: Signer, inputs: Sequence[bytes], now_ms: int, *entries: Entry) -> list[bytes]:
        """The signatures of `inputs`, once `entries` are committed to the audit ledger.

        Raises `unavailable` when the store refuses the batch or does not answer in time.
        """
        signatures: list[bytes] = self._settled(_Job(signer, inputs, [row_of(entry, now_ms) for entry in entries]))
        return signatures

    def sign_and_write(self, signer: Signer, inputs: Sequence[bytes], finish: Finish[Finished]) -> Finished:
        """What `finish` returns, once all that it wrote is committed; what it raises concerns this request alone."""
        finished: Finished = self._settled(_Job(signer, inputs, (), finish))
        return finished

    def append(self, now_ms: int, entry: Entry) -> None:
        """Commits one entry, together with others that wait."""
        self._settled(_Job(None, (), [row_of(entry, now_ms)]))

    def note(self, now_ms: int, entry: Entry) -> None:
        """Appends one entry a moment later. A process that is killed loses those of its last moment."""
        if self.waiting < LONGEST_QUEUE:
            self._put(_Job(None, (), [row_of(entry, now_ms)], awaited=False))
        else:
            self.append(now_ms, entry)

    def flush(self) -> None:
        """Returns once all that was handed in before is written, or given up."""
        if self._runs_in == os.getpid():
            with suppress(DomainError):
                self._settled(_Job(None, (), ()))

    @property
    def waiting(self) -> int:
        """How many requests wait for the next batch, about."""
        return self._waiting.qsize()

    def _settled(self, job: _Job) -> Any:
        self._put(job)
        try:
            outcome = _outcome(job)
        except Empty:
            raise unavailable("LEDGER_BUSY", "The server is too busy; repeat in a moment.") from None
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _put(self, job: _Job) -> None:
        if self._runs_in != os.getpid():
            self._start()
        self._waiting.put(job)

    def _start(self) -> None:
        with self._starting:
            if self._runs_in != os.getpid():
                self._waiting = SimpleQueue()
                threading.Thread(target=self._run, args=(self._waiting,), name="ledger", daemon=True).start()
                self._runs_in = os.getpid()

    def _run(self, waiting: SimpleQueue[_Job]) -> None:
        while True:
            batch = [waiting.get()]
            until = time.monotonic() + LINGER_S
            try:
                while len(batch) < LARGEST_BATCH:
                    pause = 0.0 if any(job.awaited for job in batch) else max(0.0, until - time.monotonic())
                    batch.append(waiting.get(timeout=pause) if pause else waiting.get_nowait())
            except Empty:
                pass
            claimed = [job for job in batch if job.claim()]
            if claimed:
                self._settle(claimed)

    def _settle(self, batch: list[_Job]) -> None:
        """Whatever goes wrong fails this batch: an exception that ended the thread would hang every later request."""
        try:
            outcomes: list[Any] = [_signed(job) for job in batch]
            if any(job.rows or job.finish for job in batch):
                with self._store.write() as work:
                    outcomes = [_written(work, job, signed) for job, signed in zip(batch, outcomes, strict=True)]
                    rows = [row for job in batch for row in job.rows]
                    if rows:
                        work.run(APPEND, rows)
        except Exception as error:  # noqa: BLE001 - it is passed on to those who wait
            lost = sum(not job.awaited for job in batch)
            if lost or not isinstance(error, DomainError):
                _log.error("batch failed", jobs=len(batch), records_lost=lost, exc_info=True)
            outcomes = [_failure(error) for _ in batch]
        for job, outcome in zip(batch, outcomes, strict=True):
            job.done.put(outcome)


def _outcome(job: _Job) -> Any:
    """Raises Empty when the job was not begun in time, and then it never is: a refresh token that rotated after its
    holder was told to repeat would look stolen. One that was begun is waited for, since it may commit."""
    try:
        return job.done.get(timeout=TIMEOUT_S)
    except Empty:
        if job.claim():
            raise
        return job.done.get(timeout=TIMEOUT_S)


def _signed(job: _Job) -> list[bytes]:
    return [job.signer.sign(each) for each in job.inputs] if job.signer else []


def _written(work: Work, job: _Job, signatures: list[bytes]) -> Any:
    """What the job's `finish` returns or raises; a savepoint undoes what it wrote before it raised."""
    if job.finish is None:
        return signatures
    try:
        with translated(), work.connection.begin_nested():
            return job.finish(work, signatures)
    except Exception as error:  # noqa: BLE001 - raised again where the request waits
        return error


def _failure(error: Exception) -> Exception:
    """An exception of its own for every waiting thread: raised twice, one would carry both tracebacks."""
    if isinstance(error, DomainError):
        return DomainError(error.kind, error.reason, error.message, **error.facts)
    failure = RuntimeError("the batch of this request could not be signed and recorded")
    failure.__cause__ = error
    return failure
