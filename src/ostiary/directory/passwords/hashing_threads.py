"""Threads that hash passwords: few, fair between tenants, and never more at once than the cores can run.

A hash takes as long as a hundred other requests. What waits is bounded: one too many is refused at once (429), and a
tenant that fills the queue gives way to the others.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

from ostiary.caller import Caller, check_awaited, departure, own_caller
from ostiary.errors import DomainError, limited, unavailable
from ostiary.lanes import blocking

Result = TypeVar("Result")
Job = tuple["Future[Any]", Callable[[], Any]]

NICENESS = 10
"""Added to the worker's own. Hashes give way to requests: with the cores full of hashes, saying 429 must not take as
long as a hash."""
PATIENCE_S = 10.0
"""The longest wait for a hash, below the gateway's 15 s."""


class HashingThreads:
    """Runs slow calculations on `threads` threads; at most `capacity` are inside, waiting ones included.

    `cores` are what the threads may run on: a worker is pinned to one core, its hashes need not be.
    """

    def __init__(self, threads: int, capacity: int, cores: Sequence[int]) -> None:
        self._size = threads
        self._capacity = capacity
        self._cores = cores
        self._waiting: OrderedDict[str, deque[Job]] = OrderedDict()
        self._inside = 0
        self._threads: list[threading.Thread] = []
        self._changed = threading.Condition()

    def run(self, tenant_id: str, calculate: Callable[[], Result]) -> Result:
        """Runs `calculate` and returns its result. Raises 429 HASHING_BUSY when there is no room, 503 when it takes too
        long, CANCELLED or DEADLINE_EXCEEDED when the client of this thread's request gives up before the job begins."""
        caller = own_caller()
        check_awaited(caller)
        future: Future[Result] = Future()
        job: Job = (future, calculate)
        with self._changed:
            if self._inside >= self._capacity:
                self._make_room(tenant_id)
            self._waiting.setdefault(tenant_id, deque()).append(job)
            self._inside += 1
            self._start()
            self._changed.notify()
        if caller is not None:
            self._leave_with(caller, tenant_id, job)
        try:
            with blocking:
                return future.result(PATIENCE_S)
        except TimeoutError:
            future.cancel()
            self._taken_out(tenant_id, job)
            raise unavailable("HASHING_SLOW", "Passwords cannot be checked at the moment.") from None

    def _leave_with(self, caller: Caller, tenant_id: str, job: Job) -> None:
        """Removes a job that was not begun from the queue as soon as its client gives up: others may have its place."""

        def leave() -> None:
            future = job[0]
            if not future.done() and self._taken_out(tenant_id, job) and future.set_running_or_notify_cancel():
                future.set_exception(departure(caller))

        if not caller.add_callback(leave):
            leave()

    def _taken_out(self, tenant_id: str, job: Job) -> bool:
        with self._changed:
            jobs = self._waiting.get(tenant_id, deque())
            if job not in jobs:
                return False
            jobs.remove(job)
            if not jobs:
                del self._waiting[tenant_id]
            self._inside -= 1
            return True

    def check_room(self, tenant_id: str) -> None:
        """Raises 429 HASHING_BUSY when `run` would refuse at this moment: ask before anything that costs."""
        with self._changed:
            if self._inside >= self._capacity:
                self._longest_beside(tenant_id)

    def _longest_beside(self, tenant_id: str) -> deque[Job]:
        """The queue that must give way to a newcomer of this tenant, whose own stays shorter even so; raises 429."""
        longest = max(self._waiting.values(), key=len, default=deque())
        if len(self._waiting.get(tenant_id, ())) + 1 >= len(longest):
            raise _busy()
        return longest

    def _make_room(self, tenant_id: str) -> None:
        """The tenant with the longest queue loses its newest."""
        future, _ = self._longest_beside(tenant_id).pop()
        self._inside -= 1
        if future.set_running_or_notify_cancel():
            future.set_exception(_busy())

    def close(self) -> None:
        """Ends the threads once nothing waits; a later job starts others."""
        with self._changed:
            self._threads = []
            self._changed.notify_all()

    def _start(self) -> None:
        """Starts the threads at first use, so that they belong to the worker and not to the process from which it was
        forked."""
        threads = self._threads
        while len(threads) < self._size:
            thread = threading.Thread(target=self._serve, args=(threads,), name="hashing", daemon=True)
            threads.append(thread)
            thread.start()

    def _serve(self, threads: list[threading.Thread]) -> None:
        """Runs one of `threads`, until others take their place."""
        os.sched_setaffinity(0, self._cores)
        os.nice(NICENESS)  # this thread alone, as Linux has it
        while job := self._next(threads):
            tell = _calculated(*job)
            with self._changed:  # first, or who is told may come again and find no room
                self._inside -= 1
            tell()

    def _next(self, threads: list[threading.Thread]) -> Job | None:
        """Tenants take turns, each with its oldest. None ends the thread."""
        with self._changed:
            while not self._waiting:
                if threads is not self._threads:
                    return None
                self._changed.wait()
            tenant_id, jobs = self._waiting.popitem(last=False)
            job = jobs.popleft()
            if jobs:
                self._waiting[tenant_id] = jobs
            return job


def _calculated(future: Future[Any], calculate: Callable[[], Any]) -> Callable[[], None]:
    """Does the job; what it returns tells who waits for it."""
    if not future.set_running_or_notify_cancel():
        return lambda: None
    try:
        return partial(future.set_result, calculate())
    except BaseException as error:  # noqa: BLE001 - it belongs to the thread that waits, not to this one
        return partial(future.set_exception, error)


def _busy() -> DomainError:
    return limited("HASHING_BUSY", "Too many sign-ins at this moment; wait a second and repeat.", 1)
