"""The gRPC health service: the status of each service, and the streams of clients that watch it.

It is ours and not the library's for three reasons: `Watch` takes a bounded number of callers and says so in the one
status that means "no health here, go on" to clients that check it; nothing is kept of a name that was watched; and a
caller that reads its stream slowly delays no `Check`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Protocol

import grpc
from grpc_health.v1 import health_pb2 as pb
from grpc_health.v1 import health_pb2_grpc

SERVING = pb.HealthCheckResponse.SERVING
NOT_SERVING = pb.HealthCheckResponse.NOT_SERVING
_HealthListResponse: Any = vars(pb)["HealthListResponse"]  # the published types are older than it
UNKNOWN = pb.HealthCheckResponse.SERVICE_UNKNOWN
MOST_WATCHING = 2000
"""The limit of watching clients for each worker. Each costs some memory and no thread."""
Send = Callable[[pb.HealthCheckResponse | None], None]
"""Sends an answer of a stream; None ends it."""


class Health(health_pb2_grpc.HealthServicer):
    """`grpc.health.v1.Health`. The empty name is the server as a whole."""

    def __init__(self, most_watching: int = MOST_WATCHING) -> None:
        self._statuses: dict[str, int] = {"": NOT_SERVING}
        self._watchers: set[_Watcher] = set()
        self._most = most_watching
        self._changing = threading.Lock()
        self._parting = False

    def set(self, service: str, status: int) -> None:
        """Sets the status of `service`; those who watch it are told."""
        with self._changing:
            self._statuses[service] = status
            concerned = [watcher for watcher in self._watchers if watcher.service == service]
        for watcher in concerned:
            watcher.tell(status_of=self.status)

    def part(self) -> None:
        """Ends the streams of all who watch, after they have been told the status, and refuses new ones."""
        with self._changing:
            self._parting = True
            watchers = list(self._watchers)
        for watcher in watchers:
            watcher.end()

    def status(self, service: str) -> int:
        """The status of a service; SERVICE_UNKNOWN where there is none of this name."""
        return self._statuses.get(service, UNKNOWN)

    def Check(self, request: pb.HealthCheckRequest, context: grpc.ServicerContext) -> pb.HealthCheckResponse:
        """The status now; NOT_FOUND where there is no such service."""
        status = self.status(request.service)
        if status == UNKNOWN:
            context.abort(grpc.StatusCode.NOT_FOUND, "There is no service of this name.")
        return _response(status)

    def List(self, request: Any, context: grpc.ServicerContext) -> Any:
        """The status of every service."""
        statuses = dict(self._statuses)
        return _HealthListResponse(statuses={name: _response(status) for name, status in statuses.items()})

    def Watch(self, request: pb.HealthCheckRequest, context: grpc.ServicerContext, send: Send) -> None:  # type: ignore[override]
        """The status now and whenever it changes, until the caller leaves; UNIMPLEMENTED when too many watch."""
        watcher = _Watcher(request.service, send)
        with self._changing:
            full, parting = len(self._watchers) >= self._most, self._parting
            if not full:
                self._watchers.add(watcher)
        if full:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "Too many watch already; use Check.")
        if not context.add_callback(lambda: self._watchers.discard(watcher)):
            self._watchers.discard(watcher)
        watcher.tell(status_of=self.status)
        if parting:
            watcher.end()


Health.Watch.experimental_non_blocking = True  # type: ignore[attr-defined] # grpc's name for streams without a thread


class StatusOf(Protocol):
    """Finds the status of a service."""

    def __call__(self, service: str, /) -> int:
        """As it is now."""
        ...


class _Watcher:
    """A stream of `Watch`."""

    def __init__(self, service: str, send: Send) -> None:
        self.service = service
        self._send = send
        self._last_sent: Any = None
        self._sending = threading.Lock()

    def tell(self, status_of: StatusOf) -> None:
        """Sends the status as it is at this moment, unless that is what was sent last."""
        with self._sending:
            status = status_of(self.service)
            if status != self._last_sent:
                self._last_sent = status
                self._send(_response(status))

    def end(self) -> None:
        """Ends the stream, in order."""
        with self._sending:
            self._send(None)


def _response(status: int) -> pb.HealthCheckResponse:
    return pb.HealthCheckResponse(status=status)
