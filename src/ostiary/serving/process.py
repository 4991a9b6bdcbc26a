"""What the Python children have in common: they open the runtime, serve, and end when they are told to."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from ostiary import logging
from ostiary.config import Settings
from ostiary.errors import DomainError
from ostiary.serving.children import REFUSED, remove_folder
from ostiary.serving.reports import Reports
from ostiary.serving.scheduling import follow_the_gateway

DRAIN = signal.SIGUSR1
"""Say that nothing new should come; go on answering."""
_HEARD = (signal.SIGTERM, signal.SIGINT, DRAIN)
_log = structlog.get_logger("ostiary.serving")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server keeps what its processes share: sockets, Envoy's configuration, metrics. Mode 0700."""

    folder: Path

    @property
    def admin(self) -> Path:
        """The socket of Envoy's admin interface."""
        return self.folder / "envoy.sock"

    @property
    def config(self) -> Path:
        """Envoy's configuration."""
        return self.folder / "envoy.yaml"

    @property
    def metrics(self) -> Path:
        """The folder in which each process counts."""
        return self.folder / "metrics"


def stop_seconds(settings: Settings) -> float:
    """How long a worker that must end still answers. Our own gateway has waited for its requests before; another one
    has not."""
    return 1.0 if settings.gateway else settings.drain_seconds


@dataclass(frozen=True, slots=True)
class Serving:
    """Something that runs: `drain` is called once, when nothing new should come; `stop` ends it."""

    drain: Callable[[], None]
    stop: Callable[[], None]


def live(settings: Settings, place: Place, reports: Reports, begin: Callable[[], Serving]) -> int:
    """The life of a Python child after its fork; returns its exit code."""
    supervisor = os.getppid()
    # Blocked before any thread is made, so that every thread inherits it and only `sigwait` hears them.
    signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
    follow_the_gateway()
    lines = logging.LineBuffer(sys.stderr)
    logging.configure(settings.log_format, settings.log_level, lines)
    try:
        return _serve(place, reports, begin, supervisor)
    finally:
        lines.close()


def _serve(place: Place, reports: Reports, begin: Callable[[], Serving], supervisor: int) -> int:
    try:
        serving = begin()
    except DomainError as error:
        reports.refused(error.message)
        return REFUSED
    except Exception as error:  # noqa: BLE001 (whatever it is, the supervisor must hear of it)
        _log.debug("cannot start", error=traceback.format_exc())
        reports.refused(str(error) or type(error).__name__)
        return REFUSED
    reports.ready()
    while signal.sigwait(_HEARD) is DRAIN:
        serving.drain()
    if os.getppid() != supervisor:
        remove_folder(place.folder)
        return REFUSED
    serving.stop()
    return 0
