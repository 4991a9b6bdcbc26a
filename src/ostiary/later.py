"""Late answers: a thread that has handed its work to another one takes the next request, and does not wait.

What comes after the work (claims into a response, a response into a message, a log line) is added to the answer on the
way out, as functions; they run in the thread that has done the work, once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from ostiary.lanes import blocking

T = TypeVar("T")
S = TypeVar("S")


class Later(Generic[T]):
    """An answer that is not there yet: `put` brings it, `deliver` says who gets it, in either order, each from any
    thread. It must hold no connection, and its functions must not ask for the thread's own call."""

    __slots__ = ("_deliver", "_met", "_outcome", "_taken", "_value")

    def __init__(self) -> None:
        self._value: Callable[[], Any] = self._found
        self._met = threading.Lock()
        self._taken = threading.Lock()

    def put(self, outcome: Any) -> None:
        """Brings what was made, or the exception that making it raised; what comes after the first counts for
        nothing."""
        if self._taken.acquire(blocking=False):
            self._outcome = outcome
            self._meet()

    @property
    def is_there(self) -> bool:
        """Whether the answer was brought."""
        return self._taken.locked()

    def around(self, change: Callable[[Callable[[], T]], S]) -> Later[S]:
        """Adds a function that is given one which returns or raises the answer so far, and does so itself. Only before
        `deliver`."""
        value = self._value
        self._value = lambda: change(value)
        return self  # type: ignore[return-value] # the same object, whose answer has another type from here on

    def deliver(self, deliver: Callable[[Later[Any]], None]) -> None:
        """Has `deliver` called with this object as soon as the answer is there; it must not raise."""
        self._deliver = deliver
        self._meet()

    def value(self) -> T:
        """Returns or raises the answer, after all functions; once, in `deliver`."""
        found: T = self._value()
        return found

    def awaited(self) -> T:
        """Waits for the answer, and returns or raises it."""
        there: SimpleQueue[None] = SimpleQueue()
        with blocking:
            self.deliver(lambda _: there.put(None))
            there.get()
        return self.value()

    def _meet(self) -> None:
        if not self._met.acquire(blocking=False):  # the second of the two
            self._deliver(self)

    def _found(self) -> Any:
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome


def then(answer: Later[T] | T, change: Callable[[T], S]) -> Later[S] | S:
    """Returns what `change` makes of the answer, now or later."""
    if isinstance(answer, Later):
        return answer.around(lambda value: change(value()))
    return change(answer)


def now(answer: Later[T] | T) -> T:
    """Returns the answer, waits for it if it is not there; for callers that have nobody to deliver it to."""
    return answer.awaited() if isinstance(answer, Later) else answer
