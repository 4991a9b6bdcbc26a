"""Logs: JSON lines, or text for a person, on standard error. Stdlib loggers of the libraries go the same way."""

from __future__ import annotations

import json
import logging as stdlib
import sys
import threading
from typing import Any, TextIO, cast

import structlog

FLUSH_S = 0.1
"""How long a line may wait in a process that answers requests."""


class LineBuffer:
    """Collects lines and writes them together from a thread of its own.

    A write of its own for each line lets go of the interpreter in the middle of a request, and the other threads pounce
    on it: that cost a request more than everything else that it does for the log. Killed by force, a process loses
    the lines of the last tenth of a second. Make one after a fork, since threads do not cross it.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: list[str] = []
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def write(self, line: str) -> None:
        """Takes a line; appending to a list is atomic."""
        self._lines.append(line)

    def flush(self) -> None:
        """Nothing: the thread does it."""

    def close(self) -> None:
        """Writes what is left; later lines are written by nobody."""
        self._closed.set()
        self._thread.join(5)

    def _run(self) -> None:
        while not self._closed.wait(FLUSH_S):
            self._write_out()
        self._write_out()

    def _write_out(self) -> None:
        lines, self._lines = self._lines, []
        if lines:
            self._stream.write("".join(lines))
            self._stream.flush()


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=repr)


def _as_json(line: Any, **_: Any) -> str:
    """An encoder made once; `json.dumps` with any argument makes one for each line."""
    return _ENCODER.encode(line)


def configure(log_format: str = "json", level: str = "info", stream: LineBuffer | None = None) -> None:
    """Sets up structlog for this process; `log_format` is json or text, `level` a stdlib level name.

    Lines go to standard error at once, or through `stream`.
    """
    shared: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    text = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    renderer: Any = structlog.processors.JSONRenderer(_as_json) if log_format == "json" else text
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(stdlib, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", stream or sys.stderr)),
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=shared)
    handler = stdlib.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    stdlib.basicConfig(handlers=[handler], level=stdlib.WARNING, force=True)
