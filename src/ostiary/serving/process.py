"""Life of the Python child processes: they open the runtime, serve, and end when they are told to."""

from __future__ import annotations

import os
import signal
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from ostiary import logging
from ostiary.config import Settings
from ostiary.errors import DomainError
from ostiary.serving.children import REFUSED, remove_folder
from ostiary.serving.counting import count_as, lost_lines
from ostiary.serving.reports import Reports
from ostiary.serving.resources import follow_the_gateway
from ostiary.serving.stderr import StandardError
from ostiary.store.drivers.failures import told_to_operators

DRAIN = signal.SIGUSR1
"""The signal to report that no new requests should come, and to continue answering."""
PART = signal.SIGUSR2
"""The signal to end the streams that would stay open."""
PULSE_S = 2.0
"""The interval at which a process reports that it answers."""
_HEARD = (signal.SIGTERM, signal.SIGINT, DRAIN, PART)
_log = structlog.get_logger("ostiary.serving")


@dataclass(frozen=True, slots=True)
class RuntimeFolder:
    """The directory of what a server's processes share: sockets, Envoy's configuration, metrics. Mode 0700."""

    folder: Path

    @property
    def admin(self) -> Path:
        """The socket of Envoy's admin interface."""
        return self.folder / "envoy.sock"

    @property
    def config(self) -> Path:
        """The file of Envoy's configuration."""
        return self.folder / "envoy.yaml"

    @property
    def listeners(self) -> Path:
        """The directory in which Envoy looks for its listener: empty before a worker answers."""
        return self.folder / "listeners.yaml"

    @property
    def prepared(self) -> Path:
        """The listener, ready to be moved there."""
        return self.folder / "listeners.prepared.yaml"

    @property
    def filter(self) -> Path:
        """The Lua filter of that listener."""
        return self.folder / "envoy.lua"

    @property
    def lock(self) -> Path:
        """The file that the server locks whose folder it is."""
        return self.folder / "ostiary.lock"

    @property
    def metrics(self) -> Path:
        """The folder in which each process counts."""
        return self.folder / "metrics"


def notice_seconds(settings: Settings) -> float:
    """Returns the time, when the server stops, for load balancers to notice our health and to send requests elsewhere:
    three seconds, or the same part of a shorter patience. Our gateway checks every two seconds, a balancer usually
    every second."""
    return min(3.0, settings.drain_seconds * 3 / 8)


def stop_seconds(settings: Settings) -> float:
    """Returns how long a worker that must end still answers. Our own gateway has waited for its requests before;
    another one has not."""
    return 1.0 if settings.gateway else max(0.0, settings.drain_seconds - notice_seconds(settings))


@dataclass(frozen=True, slots=True)
class Serving:
    """A running service. `answers` sends it a request as a client would, and may take seconds to return False. `drain`
    is called when no new requests should come, `part` when clients that keep a stream open should leave; `stop` ends
    it."""

    answers: Callable[[], bool]
    drain: Callable[[], None]
    part: Callable[[], None]
    stop: Callable[[], None]


def live(
    settings: Settings,
    place: RuntimeFolder,
    reports: Reports,
    stderr: StandardError,
    name: str,
    begin: Callable[[], Serving],
) -> int:
    """The life of a Python child after its fork; returns its exit code."""
    supervisor = os.getppid()
    count_as(name)
    # Blocked before any thread is made, so that every thread inherits it and only `sigwait` hears them.
    signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
    follow_the_gateway()
    lines = logging.LineBuffer(stderr.take_over())
    lines.losing = lost_lines()
    logging.configure(settings.log_format, settings.log_level, lines)
    try:
        return _serve(place, reports, begin, supervisor)
    finally:
        lines.close()


def _serve(place: RuntimeFolder, reports: Reports, begin: Callable[[], Serving], supervisor: int) -> int:
    try:
        serving = begin()
    except DomainError as error:
        reports.refused(told_to_operators(error))
        return REFUSED
    except Exception as error:  # noqa: BLE001 (whatever it is, the supervisor must hear of it)
        _log.debug("cannot start", error=traceback.format_exc())
        reports.refused(str(error) or type(error).__name__)
        return REFUSED
    threading.Thread(target=_report, args=(reports, serving.answers), name="pulse", daemon=True).start()
    while (heard := signal.sigwait(_HEARD)) in (DRAIN, PART):
        serving.drain() if heard is DRAIN else serving.part()
    if os.getppid() != supervisor:
        remove_folder(place.folder)
        return REFUSED
    serving.stop()
    return 0


def _report(reports: Reports, answers: Callable[[], bool]) -> None:
    """Says that this process answers, as long as it does: the supervisor replaces one that has fallen silent."""
    reports.ready()
    while True:
        time.sleep(PULSE_S)
        if answers():
            reports.ready()
