"""Lines of a log that cannot be written: kept up to a bound, dropped and counted beyond, and never waited for."""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from ostiary import logging
from ostiary.logging import MOST_WAITING_BYTES, Lines
from ostiary.transport import observation
from ostiary.transport.observation import write_request


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    configured = structlog.get_config()
    monkeypatch.setattr(logging, "_json_lines", None)
    yield
    structlog.configure(**configured)


KEPT: list[Lines] = []
"""What they write to stays open as long as the process, as at a server."""


def log(descriptor: int) -> Lines:
    """A log into this descriptor, through structlog."""
    lines = Lines(descriptor)
    KEPT.append(lines)
    logging.configure("json", "info", lines)
    return lines


def say(words: str, times: int = 1) -> None:
    logger = structlog.get_logger("test")
    for _ in range(times):
        logger.info(words)


def events(text: bytes) -> list[str]:
    return [json.loads(line)["event"] for line in text.decode().splitlines()]


FILL = "x" * 1000


def test_a_full_disk_keeps_some_lines_and_counts_the_rest(tmp_path: Path) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    lines = log(full)
    say(FILL, 3000)
    assert lines.lost > 1000
    room = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT, 0o600)
    os.dup2(room, full)  # from now on there is room
    say("again")
    written = events((tmp_path / "log").read_bytes())
    assert written.count(FILL) == 3000 - lines.lost + (0 if "again" in written else 1)
    say("after")
    last = (tmp_path / "log").read_text().splitlines()
    said = [json.loads(line) for line in last if "were lost" in line]
    assert [each["lines"] for each in said] == [lines.lost]
    assert json.loads(last[-1])["event"] == "after"
    os.close(full)
    os.close(room)


def test_a_pipe_that_nobody_reads_stops_nobody_and_goes_on_when_somebody_does() -> None:
    reader, writer = os.pipe()
    lines = log(writer)
    say(FILL, 3000)
    assert lines.lost > 0
    os.set_blocking(reader, False)
    came = b""
    while lines.flush() or (piece := _read(reader)):
        came += piece
    say("after")
    came += _read(reader)
    assert events(came).count(FILL) == 3000 - lines.lost, "every line is whole"
    assert events(came)[-1] == "after"
    os.close(reader)
    os.close(writer)


def _read(reader: int) -> bytes:
    try:
        return os.read(reader, 1 << 20)
    except BlockingIOError:
        return b""


def test_what_has_nobody_at_its_other_end_takes_no_line_and_harms_nobody() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    lines = log(writer)
    say("lost", 10)
    assert lines.lost == 10
    os.close(writer)
    lines = log(os.open("/dev/null", os.O_RDONLY))  # not even open for writing
    say("lost")
    assert lines.lost == 1


def test_a_socket_whose_reader_sleeps_stops_nobody() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        lines = log(ours.fileno())
        say(FILL, 3000)
        assert lines.lost > 0
        assert len(theirs.recv(100)) == 100


def test_what_waits_is_bounded() -> None:
    reader, writer = os.pipe()
    lines = Lines(writer)
    for _ in range(5000):
        lines.write("y" * 999 + "\n")
    assert 1000 * (5000 - lines.lost) <= MOST_WAITING_BYTES
    os.close(reader)
    os.close(writer)


def test_the_line_of_a_request_is_the_same_whoever_writes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests write their line themselves where no text needs an escape; else, and in text, structlog does."""
    texts = ("/a.v1.B/Do", "NOT_FOUND", "USER_NOT_FOUND", 12.5, "r-1", "00-4b-01", "t 1", "user", "u@1")
    file = tmp_path / "log"
    lines = log(os.open(file, os.O_WRONLY | os.O_CREAT))
    write_request(*texts)
    monkeypatch.setattr(observation, "_is_plain", lambda text: None)
    write_request(*texts)
    monkeypatch.undo()
    write_request(*texts[:4], 'r"\\\n\u00e9\x7f', *texts[5:])
    lines.flush()
    own, of_structlog, escaped = file.read_text().splitlines()
    moment = re.compile(r'"timestamp":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z"')
    assert moment.sub("", own) == moment.sub("", of_structlog) != own
    assert json.loads(escaped)["request_id"] == 'r"\\\n\u00e9\x7f'
