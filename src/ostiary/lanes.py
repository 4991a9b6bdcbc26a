"""Threads that answer a worker's requests: few run at once, and more only while some of them wait.

Python runs one thread at a time, so more threads at work answer no request sooner; they only make each of them later.
Yet a request that waits, for a password hash, for a commit, for another host, must not keep others from being answered.
So a thread that is about to wait says so (`blocking`), and another one works in its place: however many wait, the next
request is looked at within milliseconds.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from typing import Any, Self

Task = Callable[[], None]


class LaneExecutor(Executor):
    """A limit: at most `lanes` threads run, and at most `threads` exist, including those that wait.

    Threads are started when first needed (a fork takes none along), end at `shutdown` or with the process, and are
    woken last in, first out, since the one that worked last finds its memory in the cache.
    """

    def __init__(self, lanes: int, threads: int) -> None:
        self._lanes = lanes
        self._left = threads
        self._changing = threading.Lock()
        self._working = 0
        self._ended = False
        self._waiting: deque[Task] = deque()
        self._idle: list[_LaneThread] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Runs `fn` as soon as a lane is free; first come, first served."""
        future: Future[Any] = Future()
        self.start(partial(_perform, future, fn, args, kwargs))
        return future

    def start(self, task: Task) -> None:
        """Runs `task`, which must not raise, likewise; nobody is told of its end."""
        with self._changing:
            self._waiting.append(task)
            self._fill()

    def shutdown(self, wait: bool = False, *, cancel_futures: bool = False) -> None:
        """Ends the threads that sleep, and the others once nothing waits for them; it does not wait for these."""
        with self._changing:
            self._ended = True
            while self._idle:
                self._end(self._idle.pop())

    @property
    def at_work(self) -> bool:
        """Whether a thread works at this moment, and does not wait for something."""
        return self._working > 0

    def blocking_begins(self) -> None:
        """The calling thread, one of ours, is about to wait."""
        with self._changing:
            self._working -= 1
            self._fill()

    def blocking_ends(self) -> None:
        """Returns from waiting to a lane; for a moment one thread more than `lanes` may run."""
        with self._changing:
            self._working += 1

    def next(self, lane_thread: _LaneThread) -> Task | None:
        """Returns what `lane_thread` does next without sleeping, or None: then it waits to be woken."""
        with self._changing:
            if self._waiting and self._working <= self._lanes:
                return self._waiting.popleft()
            self._working -= 1
            if self._ended:
                self._end(lane_thread)
            else:
                self._idle.append(lane_thread)
            return None

    def _end(self, lane_thread: _LaneThread) -> None:
        """Ends a thread; another one may be started in its place. Hold the lock."""
        self._left += 1
        lane_thread.wake(None)

    def _fill(self) -> None:
        """Gives what waits to idle threads, as far as there are lanes; hold the lock."""
        while self._waiting and self._working < self._lanes:
            if self._idle:
                self._working += 1
                self._idle.pop().wake(self._waiting.popleft())
            elif self._left:
                self._left -= 1
                self._working += 1
                _LaneThread(self, self._waiting.popleft()).start()
            else:
                return


class _LaneThread(threading.Thread):
    """A thread of an executor."""

    def __init__(self, lane_executor: LaneExecutor, task: Task) -> None:
        super().__init__(name="rpc", daemon=True)
        self._lane_executor = lane_executor
        self._task: Task | None = task
        self._sleeping = threading.Lock()
        self._sleeping.acquire()

    def wake(self, task: Task | None) -> None:
        """Has it do `task`, or end; only while it sleeps or is about to."""
        self._task = task
        self._sleeping.release()

    def run(self) -> None:
        """Runs a thread until it is woken to end."""
        _own.lane_executor = self._lane_executor
        task = self._task
        while task is not None:
            while task is not None:
                task()
                task = self._lane_executor.next(self)
            self._sleeping.acquire()
            task = self._task


def _perform(future: Future[Any], function: Callable[..., Any], given: tuple[Any, ...], named: dict[str, Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(function(*given, **named))
    except BaseException as error:  # noqa: BLE001 - it belongs to the thread that waits for the future
        future.set_exception(error)


_own = threading.local()


def own_executor() -> LaneExecutor | None:
    """The executor whose thread calls, if it is one of an executor's."""
    return getattr(_own, "lane_executor", None)


class _Blocking:
    """The context manager of `blocking`."""

    def __enter__(self) -> Self:
        lane_executor = own_executor()
        if lane_executor is not None:
            lane_executor.blocking_begins()
        return self

    def __exit__(self, *_: object) -> None:
        lane_executor = own_executor()
        if lane_executor is not None:
            lane_executor.blocking_ends()


blocking = _Blocking()
"""Marks waiting: use `with blocking:` around every wait for something other than this process's own work. It may be
nested, and costs nothing in a thread that belongs to no executor."""
