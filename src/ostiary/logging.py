"""Logs: JSON lines, or text for a person, on standard error. Stdlib loggers of the libraries go the same way.

A log must not affect requests: none waits for it and none fails because of it. What cannot be written at once (a full
disk, a pipe that nobody reads) is kept up to a bound, what comes beyond is dropped and counted, and when writing is
possible again, the log goes on and says how many lines are missing.
"""

from __future__ import annotations

import datetime as dt
import errno
import json
import logging as stdlib
import os
import select
import socket
import stat
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, TextIO, cast

import structlog

FLUSH_S = 0.1
"""The longest time that a line waits in a process that answers requests."""
MOST_WAITING_BYTES = 1 << 20
"""The limit of lines that cannot be written now; some 2,500 requests."""
_PIECE_BYTES = 4096
"""The size of PIPE_BUF: what is not longer is written to a pipe as a whole, whatever other processes write."""
_PASSING = (errno.EAGAIN, errno.ENOSPC, errno.EDQUOT)
"""The errors of a pipe or terminal that nobody reads now, and of a disk without room."""


class Lines:
    """Lines on their way to a file descriptor. Neither `write` nor `flush` ever waits or raises.

    `lost` is how many lines have been dropped since the process began; `loss` writes the line that says so, and
    `losing` is called with each number of them.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor, self._socket = _without_waiting(descriptor)
        self._room = select.poll()
        self._room.register(self._descriptor, select.POLLOUT)
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._begun = b""
        self._unsaid = 0
        self._well = True
        self._writing = threading.Lock()
        self.lost = 0
        self.losing: Callable[[int], None] = lambda lines: None
        self.loss: Callable[[int], str] = lambda lines: f"{lines} lines of the log were lost\n"

    def write(self, line: str) -> None:
        """Takes a line with its end; drops it when too much is waiting."""
        encoded = line.encode("utf-8", "backslashreplace")
        if self._bytes + len(encoded) > MOST_WAITING_BYTES:
            self._drop(1)
            return
        self._bytes += len(encoded)  # not exact among threads, and need not be: `flush` sets it anew
        self._waiting.append(encoded)

    def flush(self) -> None:
        """Writes what can be written now."""
        if not self._writing.acquire(blocking=False):
            return  # another thread is at it
        try:
            self._write_out()
            if self._unsaid and self._well and not self._waiting:
                lines, self._unsaid = self._unsaid, 0
                self._waiting.append(self.loss(lines).encode())
                self._write_out()
            self._bytes = sum(map(len, list(self._waiting)))
        finally:
            self._writing.release()

    def _write_out(self) -> None:
        while piece := self._begun or self._next_piece():
            try:
                written = self._send(piece)
            except OSError as error:
                self._well = False
                self._failed(piece, error)
                return
            self._begun = piece[written:]
            self._well = True

    def _next_piece(self) -> bytes:
        """Returns whole lines, as many as are written together; a longer one alone."""
        lines: list[bytes] = []
        size = 0
        while self._waiting and (not lines or size + len(self._waiting[0]) <= _PIECE_BYTES):
            lines.append(self._waiting.popleft())
            size += len(lines[-1])
        return b"".join(lines)

    def _failed(self, piece: bytes, error: OSError) -> None:
        """A full disk or pipe may have room again; what has nobody at its other end is dropped."""
        if error.errno in _PASSING:
            self._begun = piece
            return
        self._begun = b""
        self._drop(piece.count(b"\n") + len(self._waiting))
        self._waiting.clear()

    def _drop(self, lines: int) -> None:
        self.lost += lines
        self._unsaid += lines
        self.losing(lines)

    def _send(self, piece: bytes) -> int:
        if self._socket is not None:
            return self._socket.send(piece, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        if not self._room.poll(0):
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return os.write(self._descriptor, piece)


def _without_waiting(descriptor: int) -> tuple[int, socket.socket | None]:
    """The same file for writes that do not wait: O_NONBLOCK on a description of our own, since others share the given
    one and rely on its waiting."""
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISSOCK(mode):
            return descriptor, socket.socket(fileno=os.dup(descriptor))
        if stat.S_ISFIFO(mode) or os.isatty(descriptor):
            flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
            return os.open(f"/proc/self/fd/{descriptor}", flags), None
    except OSError:
        pass  # a pipe or terminal of another user, or a pipe that is closed
    return descriptor, None


class LineBuffer(Lines):
    """Lines that a thread of its own writes together.

    A write of its own for each line lets go of the interpreter in the middle of a request, and the other threads pounce
    on it: that cost a request more than everything else that it does for the log. Killed by force, a process loses
    the lines of the last tenth of a second. Make one after a fork, since threads do not cross it.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def flush(self) -> None:
        """Does nothing: the thread writes."""

    def close(self) -> None:
        """Writes what is left and can be written; later lines are written by nobody."""
        self._closed.set()
        self._thread.join(1)

    def _run(self) -> None:
        while not self._closed.wait(FLUSH_S):
            super().flush()
        super().flush()


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=repr)


def _as_json(line: Any, **_: Any) -> str:
    """An encoder made once; `json.dumps` with any argument makes one for each line."""
    return _ENCODER.encode(line)


def _rendered(processors: list[Any], event: str, **facts: Any) -> str:
    """A line as our logger writes it, for where no logger may be used since one is at work."""
    line: Any = {"event": event, **facts}
    for process in processors:
        line = process(None, "warning", line)
    return f"{line}\n"


_json_lines: Lines | None = None


def json_lines() -> Lines | None:
    """The stream of this process, where lines of JSON at the level info go there; for the one line that every request
    writes, which makes its own text."""
    return _json_lines


def timestamp() -> str:
    """The moment as lines have it: RFC 3339 in UTC."""
    return dt.datetime.now(dt.UTC).isoformat().replace("+00:00", "Z")


def configure(log_format: str = "json", level: str = "info", stream: Lines | None = None) -> None:
    """Sets up structlog for this process; `log_format` is json or text, `level` a stdlib level name.

    Lines go to standard error at once, or through `stream`.
    """
    global _json_lines  # noqa: PLW0603 - what structlog keeps for the process, too
    _json_lines = stream if log_format == "json" and getattr(stdlib, level.upper()) <= stdlib.INFO else None
    shared: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    file = cast("TextIO", stream or sys.stderr)
    text = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    renderer: Any = structlog.processors.JSONRenderer(_as_json) if log_format == "json" else text
    if stream is not None:
        stream.loss = lambda lines: _rendered([*shared, renderer], "lines of the log were lost", lines=lines)
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(stdlib, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(file=file),
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=shared)
    handler = stdlib.StreamHandler(file)
    handler.setFormatter(formatter)
    stdlib.basicConfig(handlers=[handler], level=stdlib.WARNING, force=True)
