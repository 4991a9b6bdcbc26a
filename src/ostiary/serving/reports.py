"""Reports of a child to the supervisor: that it answers, again and again, or why it cannot start."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass

_LONGEST = 2_000


@dataclass(frozen=True, slots=True)
class Report:
    """`refusal` is empty when the child answers."""

    pid: int
    refusal: str


class Reports:
    """A pipe from the children to the supervisor. Lines shorter than PIPE_BUF arrive whole."""

    def __init__(self) -> None:
        self.reader, self._writer = os.pipe()
        os.set_blocking(self.reader, False)
        self._rest = b""

    def ready(self) -> None:
        """Reports that this child answers from now on."""
        self._send("")

    def refused(self, reason: str) -> None:
        """Reports that this child cannot start, and why."""
        self._send(" ".join(reason.split())[:_LONGEST] or "no reason given")

    def _send(self, refusal: str) -> None:
        os.write(self._writer, json.dumps([os.getpid(), refusal]).encode() + b"\n")

    def read(self) -> Iterable[Report]:
        """Returns the reports that have arrived since the last call."""
        try:
            self._rest += os.read(self.reader, 65_536)
        except BlockingIOError:
            return
        *lines, self._rest = self._rest.split(b"\n")
        for line in lines:
            yield Report(*json.loads(line))

    def close(self) -> None:
        """Closes both ends."""
        os.close(self.reader)
        os.close(self._writer)
