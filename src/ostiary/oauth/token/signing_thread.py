"""Signing thread: takes all jobs that wait, and signs them together."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

import structlog

from ostiary.keys.signing import at_once, sign_together
from ostiary.later import Later
from ostiary.oauth.token.signing_jobs import Batch, Job, busy, failure_of, is_last, taken, unless_gone

MOMENT_S = 0.0005
"""The time for which a batch that is not full waits for a request that is being answered and may soon need a signature.
The wait is longer where a thread holds the interpreter; it does not delay that thread's work."""
OVERDUE_S = 14.0
"""The limit for an answer that no thread waits for: as long as a thread would wait (TIMEOUT_S and BEGUN_S of the group
commit), so that what the store itself says comes first."""
_log = structlog.get_logger("ostiary.ledger")


def sign_all(waiting: SimpleQueue[Job], signed: SimpleQueue[Batch]) -> None:
    """Signs whatever waits, answers those who need no more, and hands the others on together."""
    overdue = Overdue()
    while True:
        jobs = [job for job in _gathered(waiting, overdue) if job.claim()]
        rest = []
        for job, made in zip(jobs, _signed(jobs) if jobs else (), strict=True):
            if job.signer and not job.writes:
                job.done.put(unless_gone(job, made))
            else:
                rest.append((job, made))
        if rest:
            overdue.watch(rest)
            signed.put(rest)
            if is_last(rest):
                return


class Overdue:
    """The answers that no thread waits for, and that the ledger's thread does not bring in time."""

    def __init__(self) -> None:
        self._given: deque[tuple[float, Later[Any]]] = deque()

    def watch(self, batch: Batch) -> None:
        """Notes those of the jobs that are given to the ledger's thread now, which answers them in this order."""
        latest = time.monotonic() + OVERDUE_S
        self._given += [(latest, job.done) for job, _ in batch if isinstance(job.done, Later)]

    def refuse(self) -> float | None:
        """Answers LEDGER_BUSY where it is time, and returns the seconds until it should be asked again; None where
        nothing is awaited."""
        now = time.monotonic()
        while self._given:
            latest, answer = self._given[0]
            if not answer.is_there:
                if now < latest:
                    return latest - now
                answer.put(busy())
            self._given.popleft()
        return None


def _gathered(waiting: SimpleQueue[Job], overdue: Overdue) -> list[Job]:
    """Returns the jobs that wait and those that are about to: signatures that are made together should be as many as
    possible."""
    try:
        jobs = taken(waiting, overdue.refuse())
    except Empty:
        return []
    with suppress(Empty):
        while 0 < _texts(jobs) < at_once() and jobs[-1].lane_executor and jobs[-1].lane_executor.at_work:
            jobs.append(waiting.get(timeout=MOMENT_S))
    return jobs


def _texts(jobs: Sequence[Job]) -> int:
    return sum(len(job.inputs) for job in jobs)


def _signed(jobs: Sequence[Job]) -> list[Any]:
    """Returns the signatures of each job, or the exception that signing raised: it must not end the thread."""
    asked = [(job.signer, each) for job in jobs if job.signer for each in job.inputs]
    try:
        made = iter(sign_together(asked))
    except Exception as error:  # noqa: BLE001 - it is passed on to the thread that waits
        _log.error("signature failed", jobs=len(jobs), exc_info=True)
        if len(jobs) > 1:  # a key that cannot sign concerns who asked for it
            return [each for job in jobs for each in _signed([job])]
        return [failure_of(error)]
    return [[next(made) for _ in job.inputs] if job.signer else [] for job in jobs]
