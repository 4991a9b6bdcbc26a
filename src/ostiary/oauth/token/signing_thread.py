"""Signing thread: takes all jobs that wait, and signs them together."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

import structlog

from ostiary.keys.signing import at_once, sign_together
from ostiary.oauth.token.signing_jobs import Batch, Job, failure_of, is_last, taken, unless_gone

MOMENT_S = 0.0005
"""The time for which a batch that is not full waits for a request that is being answered and may soon need a signature.
The wait is longer where a thread holds the interpreter; it does not delay that thread's work."""
_log = structlog.get_logger("ostiary.ledger")


def sign_all(waiting: SimpleQueue[Job], signed: SimpleQueue[Batch]) -> None:
    """Signs whatever waits, answers those who need no more, and hands the others on together."""
    while True:
        jobs = [job for job in _gathered(waiting) if job.claim()]
        rest = []
        for job, made in zip(jobs, _signed(jobs) if jobs else (), strict=True):
            if job.signer and not job.writes:
                job.done.put(unless_gone(job, made))
            else:
                rest.append((job, made))
        if rest:
            signed.put(rest)
            if is_last(rest):
                return


def _gathered(waiting: SimpleQueue[Job]) -> list[Job]:
    """Returns the jobs that wait and those that are about to: signatures that are made together should be as many as
    possible."""
    jobs = taken(waiting)
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
