"""The supervisor: starts the workers, the background process and Envoy, keeps them alive, and ends them in order.

It imports everything once and forks, so that the processes share what they have in common: that is most of the memory.
For a fork to be safe it has one thread, no gRPC object and no database connection, ever.
"""

from __future__ import annotations

import gc
import os
import selectors
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import structlog

from ostiary import __version__, logging
from ostiary.config import ConfigurationError, Settings, host_and_port
from ostiary.delivery.operators import mail_target
from ostiary.keys.multi_buffer import LANES, Library, library
from ostiary.serving.children import Child, Family, name_process, remove_folder, told, use_few_arenas
from ostiary.serving.process import DRAIN, Place, Serving, live, stop_seconds
from ostiary.serving.reports import Report, Reports

STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""Asked by the system, by Ctrl-C, by the terminal that closes."""
TICK_S = 1.0
STARTING_TICK_S = 0.02
QUIET_S = 0.4
"""Draining ends when no request has come for this long; a balancer in front has noticed by then."""
STOP_S = 1.0
"""How long processes may take to end, beyond what they give to requests, before they are killed."""
START_S = 30.0
_log = structlog.get_logger("ostiary.serving")


def serve(settings: Settings) -> None:
    """Serves until SIGTERM or Ctrl-C. Raises ConfigurationError, in one line, when it cannot start."""
    os.umask(0o077)
    name_process("ostiary")
    logging.configure(settings.log_format, settings.log_level)
    if settings.gateway:
        _refuse_taken_address(settings.listen)
    with _folder(settings) as place:
        Supervisor(settings, place).run()


@contextmanager
def _folder(settings: Settings) -> Iterator[Place]:
    if settings.run_dir is None:
        folder = Path(tempfile.mkdtemp(prefix="ostiary-"))
    else:
        folder = settings.run_dir.absolute()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    place = Place(folder)
    if len(os.fsencode(settings.worker_address(settings.worker_count, folder))) > _LONGEST_SOCKET:
        raise ConfigurationError(f"run_dir: {folder} is too long a path for a unix socket; name a shorter one")
    supervisor = os.getpid()
    try:
        place.metrics.mkdir(mode=0o700, exist_ok=True)
        for stale in place.metrics.iterdir():
            stale.unlink()
        # prometheus_client decides at its first import, which must come after this.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(place.metrics)
        yield place
    finally:
        if os.getpid() == supervisor:
            remove_folder(folder)


_LONGEST_SOCKET = 107


class Supervisor:
    """One running server: its processes and their common fate."""

    def __init__(self, settings: Settings, place: Place) -> None:
        # Imported here, once, for all processes; see _folder for why not earlier.
        from ostiary.serving import background, worker
        from ostiary.serving.edge import Edge, ForeignEdge

        self._settings = settings
        self._reports = Reports()
        self._edge: Edge | ForeignEdge = ForeignEdge(settings)
        gateway: list[Child] = []
        if settings.gateway:
            self._edge = edge = Edge(settings, place)
            gateway = [Child("gateway", edge.run, orphaned=signal.SIGKILL)]

        def ours(name: str, begin: Callable[[], Serving]) -> Child:
            return Child(name, lambda: live(settings, place, self._reports, begin))

        self._workers = Family(
            ours(f"worker-{number}", partial(worker.begin, settings, place, number))
            for number in range(settings.worker_count)
        )
        background_child = ours("background", partial(background.begin, settings, place))
        self._ours = Family([*self._workers, background_child])
        self._all = Family([*self._ours, *gateway])
        self._ready = False
        self._asked_to_stop = 0

    def run(self) -> None:
        """Until a signal ends it."""
        use_few_arenas()
        library()  # loaded once for all
        gc.collect()
        gc.freeze()  # the collector would write into every object, and so copy every shared page
        with _signals() as signals, selectors.DefaultSelector() as self._selector:
            self._selector.register(signals, selectors.EVENT_READ)
            self._selector.register(self._reports.reader, selectors.EVENT_READ)
            try:
                self._keep_alive()
                self._drain()
            finally:
                self._end()

    def _keep_alive(self) -> None:
        """Until somebody asks to stop."""
        latest = time.monotonic() + START_S
        while not self._asked_to_stop:
            self._all.start_due()
            self._edge.refresh()
            self._wait(self._all.next_due(TICK_S if self._ready else STARTING_TICK_S))
            if not self._ready and self._is_ready():
                self._ready = True
                _announce(self._settings)
            if not self._ready and time.monotonic() > latest:
                raise ConfigurationError(f"not ready after {START_S:.0f} s; --log-level debug may say why")

    def _is_ready(self) -> bool:
        return all(child.ready for child in self._ours) and self._edge.healthy_workers() >= self._settings.worker_count

    def _wait(self, patience: float) -> None:
        """Waits for a signal, a report or the end of a process, and takes note of it."""
        for key, _ in self._selector.select(patience):
            if key.fd != self._reports.reader:
                heard = os.read(key.fd, 1024)
                self._asked_to_stop += sum(number in STOPPING for number in heard)
        for report in self._reports.read():
            self._take(report)
        for child, status in self._all.reap():
            self._lost(child, status)

    def _take(self, report: Report) -> None:
        if report.refusal and not self._ready:
            raise ConfigurationError(report.refusal)
        child = self._all.of(report.pid)
        if child is None:
            return
        child.ready = not report.refusal
        if report.refusal:
            _log.error("cannot start", process=child.name, reason=report.refusal)

    def _lost(self, child: Child, status: int) -> None:
        pid, pause = child.pid, child.ended()
        if self._asked_to_stop:
            return
        if child not in self._ours and not self._ready:
            raise ConfigurationError(f"Envoy ended at start ({told(status)}); its own words stand above")
        _log.error("process ended", process=child.name, pid=pid, how=told(status), restart_in_s=pause)

    def _drain(self) -> None:
        """Takes no new clients, and lets requests in flight end. A second signal ends the patience."""
        _log.info("draining", at_most_s=self._settings.drain_seconds)
        self._ours.signal(DRAIN)
        latest = time.monotonic() + self._settings.drain_seconds
        activity = self._edge.drain()
        quiet_from = time.monotonic() + QUIET_S
        while self._asked_to_stop < 2 and time.monotonic() < min(latest, quiet_from):
            self._wait(STARTING_TICK_S)
            if (now := self._edge.activity()) != activity or now.in_flight:
                activity, quiet_from = now, time.monotonic() + QUIET_S

    def _end(self) -> None:
        """Ends every process: first by asking, then by force."""
        self._asked_to_stop += 1
        for number in (signal.SIGTERM, signal.SIGKILL):
            self._all.signal(number)
            latest = time.monotonic() + stop_seconds(self._settings) + STOP_S
            while self._all.any_alive and time.monotonic() < latest:
                self._selector.select(STARTING_TICK_S)
                for child, _ in self._all.reap():
                    child.ended()
        self._reports.close()


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


def _announce(settings: Settings) -> None:
    if settings.log_format == "json":
        _log.info("ready", version=__version__, public_url=settings.base_url, listen=settings.listen,
                  admin=settings.admin_listen, workers=settings.worker_count, mail=mail_target(settings),
                  signatures=_signatures())  # fmt: skip
        return
    sys.stdout.write(
        f"Ostiary {__version__} is ready. Ctrl-C stops it.\n"
        f"  REST, gRPC, gRPC-Web   {settings.base_url}\n"
        f"  metrics and probes     http://{settings.admin_listen}/metrics /livez /readyz\n"
        f"  mail                   {mail_target(settings)}\n"
        f"  signatures             {_signatures()}\n"
    )
    sys.stdout.flush()


def _signatures() -> str:
    found = library()
    return f"{LANES} at once" if isinstance(found, Library) else f"one at a time: {found}"


def _refuse_taken_address(listen: str) -> None:
    """Envoy would say it too, in more words and later."""
    host, port = host_and_port(listen)
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise ConfigurationError(f"listen: cannot listen on {listen}: {error.strerror}") from None
