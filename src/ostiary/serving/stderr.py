"""Standard error of the processes: lines of Envoy, and of C libraries that do not use our logger.

They write directly to their standard error and would block, in the middle of a request, if nobody reads it. So theirs
is a pipe that the supervisor always reads, and passes on as far as that is possible.
"""

from __future__ import annotations

import os

from ostiary.logging import Lines

_MOST_BYTES = 65_536
"""The limit of one read, and of a line."""


class StandardError:
    """The pipe from all children to the supervisor, and where the supervisor writes."""

    def __init__(self, lines: Lines) -> None:
        self.reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._lines = lines
        self._rest = b""

    def take_over(self) -> int:
        """Makes the pipe the standard error of this child; returns a descriptor of what it was before."""
        before = os.dup(2)
        os.dup2(self._writer, 2)
        return before

    def pass_on(self) -> None:
        """Writes what has arrived, line by line, and what could not be written before."""
        try:
            while came := os.read(self.reader, _MOST_BYTES):
                self._take(came)
        except BlockingIOError:
            pass
        self._lines.flush()

    def _take(self, came: bytes) -> None:
        *lines, self._rest = (self._rest + came).split(b"\n")
        if len(self._rest) > _MOST_BYTES:
            lines, self._rest = [*lines, self._rest], b""
        for line in lines:
            self._lines.write(line.decode("utf-8", "replace") + "\n")
        self._lines.flush()
