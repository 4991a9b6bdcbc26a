"""Limits of long transfers: RPCs that hold a thread as long as a client likes may use only a few threads at once."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from ostiary.errors import limited


class TransferLimit:
    """A number of places in this process."""

    def __init__(self, most: int) -> None:
        self._free = threading.BoundedSemaphore(most)

    def take(self) -> TransferPermit:
        """A place. Raises 429 TOO_MANY_TRANSFERS when there is none."""
        if not self._free.acquire(blocking=False):
            raise limited("TOO_MANY_TRANSFERS", "Too many files are on their way at this moment; repeat later.", 5)
        return TransferPermit(self._free)


class TransferPermit:
    """A place that is held until it is given back, or forgotten: grpc never begins to read the answer for a client who
    has gone, so no `finally` of that answer would run."""

    def __init__(self, free: threading.BoundedSemaphore) -> None:
        self._free: threading.BoundedSemaphore | None = free

    def give_back(self) -> None:
        """Gives the place back; further calls do nothing."""
        free, self._free = self._free, None
        if free is not None:
            free.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.give_back()

    def __del__(self) -> None:
        self.give_back()
