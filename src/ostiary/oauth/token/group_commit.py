"""Signing queue: signs tokens and appends the rows that belong to them, for many requests at once.

One thread of a process takes all waiting jobs and signs them; another appends the rows in one transaction and then
releases the answers. No token is sent before the row that records it is durable, yet one commit serves a whole batch,
and the next batch is signed while the disk writes. It also keeps the other threads from fighting over the interpreter
while a signature is made (a third more tokens a second than signing in place).

A job that needs a signature and no row does not use the database. Records on which no answer depends (reads, refusals)
are written like rows, but no request waits for them, and no request fails because of them: a batch that cannot be
written is tried once more without them.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from queue import Empty, SimpleQueue
from typing import Any, cast

import structlog

from ostiary.audit.event import APPEND, Event, row_of
from ostiary.caller import check_awaited, own_caller
from ostiary.errors import DomainError
from ostiary.keys.signing import Signer
from ostiary.lanes import blocking
from ostiary.later import Later
from ostiary.oauth.token.signing_jobs import (
    Batch,
    Finish,
    Finished,
    Job,
    busy,
    failure_of,
    is_alone,
    is_last,
    taken,
)
from ostiary.oauth.token.signing_thread import sign_all
from ostiary.store.drivers.failures import translated
from ostiary.store.drivers.waiting import BUSY
from ostiary.store.engine import Store
from ostiary.store.work import Work

TIMEOUT_S = 10.0
"""The limit of a wait: longer than the store's own timeouts, so that its reason is known; below the gateway's."""
BEGUN_S = 4.0
"""The additional time for which a request waits once its batch has begun; together with TIMEOUT_S less than the
gateway's timeout."""
LINGER_S = 0.05
"""The time after which rows are written that no request waits for, so that few reads do not cost a commit each."""
LONGEST_QUEUE = 4_096
"""The limit of records that no request waits for. Beyond it a request waits, so that a slow store slows down those who
cause the records; if the store does not answer at all the record is lost, since a read must not fail for it."""
STILL_S = 1.0
"""A transaction that takes longer than this does not move."""
_log = structlog.get_logger("ostiary.ledger")


class GroupCommit:
    """The threads of this process that sign and commit; started at first use, so that a fork does not lose them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: SimpleQueue[Job] = SimpleQueue()
        self._signed: SimpleQueue[Batch] = SimpleQueue()
        self._noted: deque[Job] = deque()
        self._lost = 0
        self._began = math.inf
        self._lingers = False
        self._starting = threading.Lock()
        self._runs_in = 0

    def sign(self, signer: Signer, inputs: Sequence[bytes], now_ms: int, *events: Event) -> list[bytes]:
        """Returns the signatures of `inputs`, once `events` are committed to the audit ledger.

        Raises `unavailable` when the store refuses the batch or does not answer in time, CANCELLED or DEADLINE_EXCEEDED
        when the caller of this thread's request goes before that.
        """
        signatures: list[bytes] = self._settled(
            Job(signer, inputs, [row_of(event, now_ms) for event in events], caller=own_caller())
        )
        return signatures

    def sign_and_write(
        self, signer: Signer, inputs: Sequence[bytes], finish: Finish[Finished], now_ms: int = 0, *events: Event
    ) -> Finished:
        """Returns the result of `finish` once all that it wrote is committed, and `events` with it; what it raises
        concerns this request alone."""
        rows = [row_of(event, now_ms) for event in events]
        finished: Finished = self._settled(Job(signer, inputs, rows, finish, caller=own_caller()))
        return finished

    def sign_later(self, signer: Signer, inputs: Sequence[bytes], now_ms: int, *events: Event) -> Later[list[bytes]]:
        """Does what `sign` does, and returns at once."""
        rows = [row_of(event, now_ms) for event in events]
        later: Later[list[bytes]] = Later()
        if rows:
            self._store.queue.join()
            later = later.around(self._leaving)
        self._put(Job(signer, inputs, rows, done=later, caller=own_caller()))
        return later

    def _leaving(self, answer: Callable[[], list[bytes]]) -> list[bytes]:
        """The answer of a request that has joined the queue of those who wait."""
        try:
            made = answer()
            self._store.queue.moved()
        finally:
            self._store.queue.leave()
        return made

    def append(self, now_ms: int, event: Event) -> None:
        """Commits one event, together with others that wait."""
        self._settled(Job(None, (), [row_of(event, now_ms)]))

    def note(self, now_ms: int, event: Event) -> None:
        """Appends one event a moment later; never fails. A process that is killed loses those of its last moment."""
        if len(self._noted) >= LONGEST_QUEUE:
            self._note_late(now_ms, event)
            return
        self._put_aside(Job(None, (), [row_of(event, now_ms)], awaited=False))

    def later(self, write: Callable[[Work], object]) -> None:
        """Lets `write` change something on which nothing depends, such as when a token was last used, a moment later;
        never fails. It is lost where too much waits already."""
        if len(self._noted) < LONGEST_QUEUE:
            self._put_aside(Job(None, (), (), lambda work, _: write(work), awaited=False))

    def _put_aside(self, job: Job) -> None:
        self._ensure_threads()
        self._noted.append(job)
        if not self._lingers:  # else the thread looks there when it has waited
            self._signed.put([])

    def _note_late(self, now_ms: int, event: Event) -> None:
        if time.monotonic() - self._began < STILL_S:
            with suppress(DomainError):
                self.append(now_ms, event)
                return
        self._count_lost(1)

    def _count_lost(self, records: int) -> None:
        """Says how many were lost when they begin to be, and at each thousandth."""
        before, self._lost = self._lost, self._lost + records
        if not before or before // 1_000 != self._lost // 1_000:
            _log.error("records lost", records=self._lost)

    def flush(self) -> None:
        """Returns once all that was handed in before is written, or given up."""
        if self._runs_in == os.getpid():
            with suppress(DomainError):
                self._settled(Job(None, (), ()))

    def close(self) -> None:
        """Writes what was handed in before, and ends the threads: nobody may hand in more at the same time. What is
        handed in later starts others."""
        with self._starting:
            if self._runs_in == os.getpid():
                with suppress(DomainError):
                    self._settled(Job(None, (), (), last=True))
            self._runs_in = 0

    @property
    def waiting(self) -> int:
        """The approximate number of requests that wait for the next batch."""
        return self._waiting.qsize() + self._signed.qsize() + len(self._noted)

    def _settled(self, job: Job) -> Any:
        try:
            with self._store.queue.joined() if job.writes else nullcontext(), blocking:
                # Aside first, or the batch would wait for the very request that waits for it.
                self._put(job)
                outcome = _outcome(job)
        except Empty:
            raise busy() from None
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _put(self, job: Job) -> None:
        self._ensure_threads()
        self._waiting.put(job)

    def _ensure_threads(self) -> None:
        if self._runs_in == os.getpid():
            return
        with self._starting:
            if self._runs_in != os.getpid():
                self._waiting, self._signed, self._noted = SimpleQueue(), SimpleQueue(), deque()
                queues = (self._waiting, self._signed)
                threading.Thread(target=sign_all, args=queues, name="signing", daemon=True).start()
                threading.Thread(target=self._write_all, args=queues[1:], name="group_commit", daemon=True).start()
                self._runs_in = os.getpid()

    def _write_all(self, signed: SimpleQueue[Batch]) -> None:
        while True:
            batch = self._next(signed)
            for (job, _), outcome in zip(batch, self._outcomes(batch), strict=True):
                job.done.put(outcome)
            self._began = math.inf
            if is_last(batch):
                return

    def _next(self, signed: SimpleQueue[Batch]) -> Batch:
        """Returns the jobs to write together: all that are signed, and noted records once a request waits or LINGER_S
        is over."""
        batch = [each for part in taken(signed) for each in part]
        if not batch:
            self._lingers = True
            with suppress(Empty):
                batch += signed.get(timeout=LINGER_S)
            self._lingers = False
        with suppress(IndexError):
            while True:
                batch.append((self._noted.popleft(), []))
        return batch

    def _outcomes(self, batch: Batch) -> Sequence[Any]:
        """Returns the result of each job, once all is committed. Any error fails this batch only: an exception that
        ended the thread would block every later request."""
        try:
            return self._written(batch)
        except Exception as error:  # noqa: BLE001 - it is passed on to those who wait
            lost = sum(not job.awaited for job, _ in batch)
            if lost:
                _log.error("records not written", records=lost, error=str(error))
                self._count_lost(lost)
            if not lost or _is_busy(error):  # it would only be waited for once more
                return self._failed(batch, error)
        found = iter(self._outcomes([(job, made) for job, made in batch if job.awaited]))
        return [next(found) if job.awaited else None for job, _ in batch]

    def _failed(self, batch: Batch, error: Exception) -> Sequence[Any]:
        if is_alone(batch):
            return [error]
        if not isinstance(error, DomainError):
            _log.error("batch failed", jobs=len(batch), exc_info=error)
        return [failure_of(error) if job.writes else made for job, made in batch]

    def _written(self, batch: Batch) -> Sequence[Any]:
        if not any(job.writes for job, _ in batch):
            return [made for _, made in batch]
        self._began = time.monotonic()
        # What nobody waits for may be lost with a process already: it needs no disk of its own.
        with self._store.write(durable=any(job.awaited for job, _ in batch), queue=False) as work:
            alone = is_alone(batch)
            outcomes = [_finished(work, job, made, alone=alone) for job, made in batch]
            done = zip(batch, outcomes, strict=True)
            rows = [row for (job, _), outcome in done if not isinstance(outcome, Exception) for row in job.rows]
            if rows:
                work.run(APPEND, rows)
        return outcomes


def _outcome(job: Job) -> Any:
    """Raises Empty when the job was not begun in time, and then it never is: a refresh token that rotated after its
    holder was told to repeat would look stolen. One that was begun is waited for, since it may commit."""
    done = cast("SimpleQueue[Any]", job.done)
    try:
        return done.get(timeout=TIMEOUT_S)
    except Empty:
        if job.claim():
            raise
        return done.get(timeout=BEGUN_S)


def _finished(work: Work, job: Job, made: Any, *, alone: bool) -> Any:
    """Returns what the job's `finish` returns or raises; a savepoint undoes what it wrote before it raised, or the end
    of the transaction if the job has one of its own."""
    if isinstance(made, Exception):
        return made
    if alone:
        return _finish(work, job, made)
    try:
        if job.finish is None:
            return _finish(work, job, made)
        with translated(), work.savepoint():
            return _finish(work, job, made)
    except Exception as error:  # noqa: BLE001 - raised again where the request waits
        return error


def _finish(work: Work, job: Job, made: Any) -> Any:
    """Writes nothing, for a request whose caller has disconnected."""
    check_awaited(job.caller)
    return made if job.finish is None else job.finish(work, made)


def _is_busy(error: Exception) -> bool:
    return isinstance(error, DomainError) and error.reason == BUSY
