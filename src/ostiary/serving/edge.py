"""Envoy as one of the processes: its configuration, its certificate, its state."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from ostiary.config import Settings
from ostiary.files import write_text
from ostiary.gateway import envoy
from ostiary.gateway.operations import declared_interface
from ostiary.gateway.render import filter_script, gateway_for, render
from ostiary.serving.certificates import Certificate
from ostiary.serving.port import Port
from ostiary.serving.process import RuntimeFolder
from ostiary.serving.resources import connections_allowed, give_way
from ostiary.serving.stderr import StandardError

_TOTAL = "http.public.downstream_rq_total"
_ACTIVE = "http.public.downstream_rq_active"
_CONNECTIONS = "http.public.downstream_cx_active"
_OPEN = "cluster.open_streams.upstream_rq_active"
_NOTHING_LISTENS = "resources: []\n"


@dataclass(frozen=True, slots=True)
class Activity:
    """The number of requests so far, of those being answered (without watching clients), and of connections."""

    total: int
    in_flight: int
    connections: int


class Edge:
    """The gateway of one server. Raises ConfigurationError when its certificate is not good or its port is taken."""

    def __init__(self, settings: Settings, place: RuntimeFolder, stderr: StandardError) -> None:
        self._settings = settings
        self._place = place
        self._stderr = stderr
        self._admin = envoy.Admin(place.admin, timeout=1.0)
        self._port = Port(settings.listen)
        self._certificate = (
            Certificate(settings.tls_cert, settings.tls_key, place.folder)
            if settings.tls_cert and settings.tls_key
            else None
        )
        self.is_open = False
        """Whether clients can come, or could: from then on an end of Envoy is no failed start."""
        self._write_configuration()

    def run(self) -> int:
        """Becomes Envoy; called in the child."""
        line = envoy.command(
            self._place.config,
            threads=self._settings.gateway_thread_count,
            log_format=self._settings.log_format,
            level=self._settings.log_level,
        )
        self._stderr.take_over()
        give_way()
        os.execve(line[0], line, envoy.environment())  # noqa: S606 (our own command line)

    def let_go(self) -> None:
        """Releases the port; called in every other child, since the port belongs to the supervisor."""
        self._port.close()

    def refresh(self) -> None:
        """Hands over the certificate if it has changed."""
        if self._certificate:
            self._certificate.refresh()

    def open(self) -> None:
        """Makes Envoy listen, once a worker can answer; later calls do nothing."""
        if not self.is_open and self.healthy_workers():
            self._place.prepared.replace(self._place.listeners)
            self.is_open = True

    def answers(self) -> bool:
        """Whether Envoy itself answers."""
        try:
            self._admin.ask("/ready")
        except OSError:
            return False
        return True

    def healthy_workers(self) -> int:
        """Returns how many workers get requests; none while Envoy does not answer."""
        try:
            return self._admin.healthy_workers()
        except OSError:
            return 0

    def is_ready(self) -> bool:
        """Whether every worker gets requests, and clients can connect."""
        try:
            return self._admin.listens() and self._admin.healthy_workers() >= self._settings.worker_count
        except OSError:
            return False

    def activity(self) -> Activity:
        """Returns the present activity; none while Envoy does not answer."""
        try:
            found = self._admin.numbers(f"^({_TOTAL}|{_ACTIVE}|{_CONNECTIONS}|{_OPEN})$")
        except OSError:
            found = {}
        in_flight = found.get(_ACTIVE, 0) - found.get(_OPEN, 0)
        return Activity(found.get(_TOTAL, 0), in_flight, found.get(_CONNECTIONS, 0))

    def fail_health(self) -> None:
        """Says no to those who ask for its health, and answers everything else as before."""
        self._ask("/healthcheck/fail")

    def close(self) -> None:
        """Closes the port, then asks clients to go elsewhere with their next request."""
        self._port.turn_away(self._settings.gateway_thread_count)
        self._ask("/drain_listeners")
        self._port.close()

    def _ask(self, what: str) -> None:
        try:
            self._admin.ask(what, "POST")
        except OSError:
            pass  # it is gone: there is nothing to drain

    def _write_configuration(self) -> None:
        """Writes the configuration with which Envoy starts, and its listener in a file of its own. Both now: later the
        disk may be full."""
        gateway = replace(
            gateway_for(self._settings, self._place.folder),
            admin_socket=self._place.admin,
            listeners_file=self._place.listeners,
            filter_file=self._place.filter,
            tls=self._certificate.secret if self._certificate else None,
            most_connections=connections_allowed(),
        )
        interface = declared_interface()
        write_text(self._place.config, render(gateway, interface, "clusters"))
        write_text(self._place.prepared, render(gateway, interface, "listeners"))
        write_text(self._place.filter, filter_script(gateway, interface))
        write_text(self._place.listeners, _NOTHING_LISTENS)


class ForeignEdge:
    """A gateway that somebody else runs: its state is unknown here, and it counts as ready."""

    is_open = True

    def let_go(self) -> None:
        """The port is not ours."""

    def refresh(self) -> None:
        """Does nothing: its certificate is not ours."""

    def open(self) -> None:
        """Does nothing: the gateway learns from the health of the workers that they can answer."""

    def answers(self) -> bool:
        """Unknown: such a gateway is not asked."""
        return True

    def is_ready(self) -> bool:
        """Unknown: such a gateway counts as ready."""
        return True

    def activity(self) -> Activity:
        """Unknown: such a gateway reports no activity."""
        return Activity(0, 0, 0)

    def fail_health(self) -> None:
        """Does nothing: the gateway learns it from the health of the workers."""

    def close(self) -> None:
        """Does nothing: its port is not ours."""
