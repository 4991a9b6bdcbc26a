"""Supervisor: starts the workers, the background process and Envoy, restarts them, and ends them in order.

It imports everything once and forks, so that the processes share what they have in common: that is most of the memory.
For a fork to be safe it has one thread, no gRPC object and no database connection, ever.
"""

from __future__ import annotations

import gc
import os
import selectors
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from ostiary import __version__, logging
from ostiary.config import ConfigurationError, Settings
from ostiary.delivery.channels.operators import mail_target
from ostiary.directory.factors.relying_party import passkeys_missing
from ostiary.keys.multi_buffer import LANES, Library, library
from ostiary.serving.alone import alone
from ostiary.serving.children import Child, Family, name_process, remove_folder, told, use_few_arenas
from ostiary.serving.counting import reserve
from ostiary.serving.process import (
    DRAIN,
    PART,
    PULSE_S,
    RuntimeFolder,
    Serving,
    live,
    notice_seconds,
    stop_seconds,
)
from ostiary.serving.reports import Report, Reports
from ostiary.serving.resources import raise_limit
from ostiary.serving.stderr import StandardError
from ostiary.store.engine import file_of, is_sqlite

if TYPE_CHECKING:
    from ostiary.serving.edge import Activity

BACKGROUND = "background"

STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""Asked by the system, by Ctrl-C, by the terminal that closes."""
TICK_S = 1.0
STARTING_TICK_S = 0.02
QUIET_S = 0.4
"""The time without a request after which draining continues; a load balancer has noticed by then."""
STOP_S = 1.0
"""The time in which processes must end, beyond what they give to requests, before they are killed."""
START_S = 30.0
SILENCE_S = 15.0
"""A process that has not answered for this long is killed, and so started again."""
_log = structlog.get_logger("ostiary.serving")


def serve(settings: Settings) -> None:
    """Serves until SIGTERM or Ctrl-C. Raises ConfigurationError, in one line, when it cannot start."""
    os.umask(0o077)
    name_process("ostiary")
    raise_limit()
    lines = logging.Lines(2)
    logging.configure(settings.log_format, settings.log_level, lines)
    with _store(settings), _folder(settings) as place:
        Supervisor(settings, place, StandardError(lines)).run()


@contextmanager
def _store(settings: Settings) -> Iterator[None]:
    """Alone on an embedded store; PostgreSQL is shared by as many servers as wanted."""
    url = settings.database_url
    if not is_sqlite(url) or not file_of(url).exists():  # without a store the first worker says what to run
        yield
        return
    file = file_of(url)
    with alone(file.with_name(f"{file.name}.server"), f"the store {file}"):
        yield


@contextmanager
def _folder(settings: Settings) -> Iterator[RuntimeFolder]:
    if settings.run_dir is None:
        folder = Path(tempfile.mkdtemp(prefix="ostiary-"))
    else:
        folder = settings.run_dir.absolute()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    place = RuntimeFolder(folder)
    if len(os.fsencode(settings.worker_address(settings.worker_count, folder))) > _LONGEST_SOCKET:
        raise ConfigurationError(f"run_dir: {folder} is too long a path for a unix socket; name a shorter one")
    supervisor = os.getpid()
    with alone(place.lock, f"run_dir: {folder}"):
        try:
            # Before the first metric is made, and so before the imports of Supervisor.
            reserve(place.metrics, [BACKGROUND, *map(worker_name, range(settings.worker_count))])
            yield place
        finally:
            if os.getpid() == supervisor:
                remove_folder(folder)


_LONGEST_SOCKET = 107


class Supervisor:
    """A running server: its processes, which start and end together."""

    def __init__(self, settings: Settings, place: RuntimeFolder, stderr: StandardError) -> None:
        # Imported here, once, for all processes; see _folder for why not earlier.
        from ostiary.serving import background, worker
        from ostiary.serving.edge import Edge, ForeignEdge

        self._settings = settings
        self._prepare = worker.prepare
        self._reports = Reports()
        self._stderr = stderr
        self._edge: Edge | ForeignEdge = ForeignEdge()
        self._gateway = Family([])
        if settings.gateway:
            self._edge = edge = Edge(settings, place, stderr)
            self._gateway = Family([Child("gateway", edge.run, orphaned=signal.SIGKILL)])

        def ours(name: str, begin: Callable[[], Serving]) -> Child:
            def run() -> int:
                self._edge.let_go()
                return live(settings, place, self._reports, stderr, name, begin)

            return Child(name, run)

        workers = [
            ours(worker_name(number), partial(worker.begin, settings, place, number))
            for number in range(settings.worker_count)
        ]
        self._ours = Family([*workers, ours(BACKGROUND, partial(background.begin, settings, place))])
        self._all = Family([*self._ours, *self._gateway])
        self._ready = False
        self._draining = self._ending = False
        self._asked_to_stop = 0
        self._looked = self._gateway_asked = time.monotonic()

    def run(self) -> None:
        """Runs until a signal ends it."""
        use_few_arenas()
        library()  # loaded once for all
        self._prepare(self._settings)
        gc.collect()
        gc.freeze()  # the collector would write into every object, and so copy every shared page
        with _signals() as signals, selectors.DefaultSelector() as self._selector:
            self._selector.register(signals, selectors.EVENT_READ)
            self._signals = signals
            self._selector.register(self._reports.reader, selectors.EVENT_READ)
            self._selector.register(self._stderr.reader, selectors.EVENT_READ)
            try:
                self._keep_alive()
                self._drain()
            finally:
                self._end()

    def _keep_alive(self) -> None:
        """Restarts processes until a stop is requested."""
        latest = time.monotonic() + START_S
        while not self._asked_to_stop:
            self._all.start_due()
            self._edge.refresh()
            self._wait(self._all.next_due(TICK_S if self._ready else STARTING_TICK_S))
            if not self._ready:
                self._edge.open()
                if self._is_ready():
                    self._ready = True
                    self._announce()
                elif time.monotonic() > latest:
                    raise ConfigurationError(f"not ready after {START_S:.0f} s; --log-level debug may say why")
            self._replace_silent()

    def _is_ready(self) -> bool:
        return all(child.ready for child in self._ours) and self._edge.is_ready()

    def _wait(self, patience: float) -> None:
        """Waits for a signal, a report, a line or the end of a process, and takes note of it."""
        for key, _ in self._selector.select(patience):
            if key.fd == self._signals:
                heard = os.read(key.fd, 1024)
                self._asked_to_stop += sum(number in STOPPING for number in heard)
        self._stderr.pass_on()
        for report in self._reports.read():
            self._take(report)
        for child, status in self._all.reap():
            self._lost(child, status)

    def _replace_silent(self) -> None:
        """Kills those that have not answered for long: stopped, or blocked where nothing moves any more."""
        now = time.monotonic()
        if now - self._looked > SILENCE_S / 3:
            self._all.forgive()  # it was us who did not listen: stopped ourselves, or the whole machine was
        elif now - self._gateway_asked > PULSE_S:
            self._gateway_asked = now
            for gateway in self._gateway:
                if gateway.alive and self._edge.answers():
                    gateway.ready, gateway.heard = True, time.monotonic()
        self._looked = time.monotonic()
        for child in self._all.silent(SILENCE_S, START_S):
            _log.error("process does not answer", process=child.name, pid=child.pid)
            child.signal(signal.SIGKILL)
            child.heard = time.monotonic()  # said once

    def _take(self, report: Report) -> None:
        if self._ending:
            return
        if report.refusal and not self._ready:
            raise ConfigurationError(report.refusal)
        child = self._all.of(report.pid)
        if child is None:
            return
        child.ready, child.heard = not report.refusal, time.monotonic()
        if self._draining:
            child.signal(DRAIN)  # one that was started again meanwhile
        if report.refusal:
            _log.error("cannot start", process=child.name, reason=report.refusal)

    def _lost(self, child: Child, status: int) -> None:
        pid, pause = child.pid, child.ended()
        if self._ending:
            return
        if child not in self._ours and not self._edge.is_open and not self._draining:
            raise ConfigurationError(f"Envoy ended at start ({told(status)}); its own words are above")
        _log.error("process ended", process=child.name, pid=pid, how=told(status), restart_in_s=pause)

    def _drain(self) -> None:
        """Lets those who ask for our health look elsewhere, closes the port, and answers what is in flight.

        A second signal ends the patience.
        """
        _log.info("draining", at_most_s=self._settings.drain_seconds)
        begun = time.monotonic()
        self._draining = True
        self._ours.signal(DRAIN)
        self._edge.fail_health()
        self._await_quiet(begun + notice_seconds(self._settings), lambda now: not self._settings.gateway)
        self._edge.close()
        self._ours.signal(PART)
        self._await_quiet(begun + self._settings.drain_seconds, lambda now: now.in_flight > 0)

    def _await_quiet(self, latest: float, busy: Callable[[Activity], bool]) -> None:
        """Waits until no request has come for a moment and none is `busy`, or no client is connected; at most until
        `latest`."""
        activity = self._edge.activity()
        quiet_from = time.monotonic() + QUIET_S
        while self._asked_to_stop < 2 and time.monotonic() < min(latest, quiet_from):
            if self._ready:
                self._ours.start_due()
            self._wait(STARTING_TICK_S)
            now = self._edge.activity()
            if now.total != activity.total or busy(now):
                quiet_from = time.monotonic() + QUIET_S
            elif self._settings.gateway and not now.connections:
                return
            activity = now

    def _end(self) -> None:
        """Ends every process, the gateway first, since nobody must act for callers that it has lost; by asking, then by
        force."""
        self._ending = True
        for family, patience in ((self._gateway, STOP_S), (self._ours, stop_seconds(self._settings) + STOP_S)):
            for number in (signal.SIGTERM, signal.SIGKILL):
                family.signal(number)
                latest = time.monotonic() + patience
                while family.any_alive and time.monotonic() < latest:
                    self._wait(STARTING_TICK_S)
        self._stderr.pass_on()
        self._reports.close()

    def _announce(self) -> None:
        settings = self._settings
        missing = passkeys_missing(settings.base_url)
        if missing:
            _log.warning("no passkeys", public_url=settings.base_url, reason=missing)
        if settings.log_format == "json":
            _log.info("ready", version=__version__, public_url=settings.base_url, listen=settings.listen,
                      admin=settings.admin_listen, workers=settings.worker_count, mail=mail_target(settings),
                      signatures=_signatures())  # fmt: skip
            return
        said = logging.Lines(1)
        said.write(
            f"Ostiary {__version__} is ready. Ctrl-C stops it.\n"
            f"  REST, gRPC, gRPC-Web   {settings.base_url}, in a browser too\n"
            f"  metrics and probes     http://{settings.admin_listen}/metrics /livez /readyz\n"
            f"  mail                   {mail_target(settings)}\n"
            f"  signatures             {_signatures()}\n"
        )
        said.flush()


@contextmanager
def _signals() -> Iterator[int]:
    """A descriptor from which the numbers of arriving signals are read."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in (*STOPPING, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    yield reader
    signal.set_wakeup_fd(-1)


def worker_name(number: int) -> str:
    """Returns the name of a worker, here and in `ps`."""
    return f"worker-{number}"


def _signatures() -> str:
    found = library()
    return f"{LANES} at once" if isinstance(found, Library) else f"one at a time: {found}"
