"""Envoy as one of the processes: its configuration, its certificate, what it says of itself."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from ostiary.config import Settings
from ostiary.gateway import envoy
from ostiary.gateway.operations import descriptor_file, read_interface
from ostiary.gateway.render import gateway_for, render
from ostiary.serving.certificates import Certificate
from ostiary.serving.process import Place
from ostiary.serving.scheduling import give_way


@dataclass(frozen=True, slots=True)
class Activity:
    """How many requests have come so far, and how many are being answered."""

    total: int
    in_flight: int


class Edge:
    """The gateway of one server. Raises ConfigurationError when its certificate is not good."""

    def __init__(self, settings: Settings, place: Place) -> None:
        self._settings = settings
        self._place = place
        self._admin = envoy.Admin(place.admin)
        self._certificate = (
            Certificate(settings.tls_cert, settings.tls_key, place.folder)
            if settings.tls_cert and settings.tls_key
            else None
        )
        place.config.write_text(self._configuration(), encoding="utf-8")

    def run(self) -> int:
        """Becomes Envoy; called in the child."""
        line = envoy.command(
            self._place.config,
            threads=self._settings.gateway_thread_count,
            log_format=self._settings.log_format,
            level=self._settings.log_level,
        )
        give_way()
        os.execve(line[0], line, envoy.environment())  # noqa: S606 (our own command line)

    def refresh(self) -> None:
        """Hands over the certificate if it has changed."""
        if self._certificate:
            self._certificate.refresh()

    def healthy_workers(self) -> int:
        """How many workers get requests; none while Envoy is away."""
        try:
            return self._admin.healthy_workers()
        except OSError:
            return 0

    def activity(self) -> Activity:
        """What is going on; nothing while Envoy is away."""
        try:
            numbers = self._admin.numbers("^http.public.downstream_rq_(active|total)$")
        except OSError:
            numbers = {}
        return Activity(numbers.get("http.public.downstream_rq_total", 0), numbers.get(_ACTIVE, 0))

    def drain(self) -> Activity:
        """Asks clients to go elsewhere with their next request; says what is going on."""
        try:
            self._admin.drain()
        except OSError:
            pass  # it is gone: there is nothing to drain
        return self.activity()

    def _configuration(self) -> str:
        gateway = replace(
            gateway_for(self._settings, self._place.folder),
            admin_socket=self._place.admin,
            tls=self._certificate.secret if self._certificate else None,
        )
        return render(gateway, read_interface(descriptor_file().read_bytes()))


class ForeignEdge:
    """A gateway that somebody else runs: we know nothing of it, and take it for well."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def refresh(self) -> None:
        """Its certificate is not ours."""

    def healthy_workers(self) -> int:
        """All of them."""
        return self._settings.worker_count

    def activity(self) -> Activity:
        """Unknown."""
        return Activity(0, 0)

    def drain(self) -> Activity:
        """It learns of it from the health of the workers."""
        return self.activity()


_ACTIVE = "http.public.downstream_rq_active"
