"""Admin listener: metrics and probes, on an address of its own that is not for clients."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest, multiprocess

from ostiary.config import host_and_port
from ostiary.gateway.envoy import Admin
from ostiary.serving.process import RuntimeFolder

TEXT = "text/plain; charset=utf-8"
JSON = "application/json"
PROBE_S = 5.0
"""The time in which the listener must answer a probe."""
Answer = tuple[int, str, bytes]


class AdminServer:
    """`/metrics` (summed over all workers), `/metrics/gateway` (Envoy's own), `/livez`, `/readyz`."""

    def __init__(self, listen: str, place: RuntimeFolder, database_fault: Callable[[], str], *, gateway: bool) -> None:
        self._place = place
        self._has_gateway = gateway
        self._database_fault = database_fault
        self._draining = False
        self._envoy = Admin(place.admin)
        pages = {
            "/metrics": self._metrics,
            "/metrics/gateway": self._gateway,
            "/livez": lambda: (200, TEXT, b"ok\n"),
            "/readyz": self._ready,
        }
        self._address = host_and_port(listen)
        try:
            self._server = _Listener(self._address, pages)
        except OSError as error:
            raise OSError(f"admin_listen: cannot listen on {listen}: {error.strerror}") from error

    def start(self) -> None:
        """Answers from now on, in a thread of its own."""
        threading.Thread(target=self._server.serve_forever, args=(0.2,), name="admin", daemon=True).start()

    def answers(self) -> bool:
        """Whether it answers a client, as it should."""
        connection = http.client.HTTPConnection(*self._address, timeout=PROBE_S)
        try:
            connection.request("GET", "/livez")
            return connection.getresponse().status == HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def drain(self) -> None:
        """`/readyz` says no from now on, so that a balancer looks elsewhere."""
        self._draining = True

    def stop(self) -> None:
        """Ends the listener."""
        self._server.shutdown()
        self._server.server_close()

    def _metrics(self) -> Answer:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry, path=str(self._place.metrics))  # type: ignore[no-untyped-call]
        return 200, CONTENT_TYPE_LATEST, generate_latest(registry)

    def _gateway(self) -> Answer:
        try:
            status, body = self._envoy.ask("/stats/prometheus?usedonly")
        except OSError:
            return 503, TEXT, b"the gateway is away\n"
        return status, CONTENT_TYPE_LATEST, body

    def _ready(self) -> Answer:
        faults = list(self._faults())
        document = {"ready": not faults, **({"faults": faults} if faults else {})}
        return 503 if faults else 200, JSON, json.dumps(document).encode() + b"\n"

    def _faults(self) -> list[str]:
        if self._draining:
            return ["draining"]
        if self._has_gateway:
            try:
                workers, listens = self._envoy.healthy_workers(), self._envoy.listens()
            except OSError:
                return ["the gateway is away"]
            if not workers:
                return ["no worker answers"]
            if not listens:
                return ["the port is closed"]
        fault = self._database_fault()
        return [fault] if fault else []


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], pages: dict[str, Callable[[], Answer]]) -> None:
        super().__init__(address, _Handler)
        self.pages = pages


class _Handler(BaseHTTPRequestHandler):
    server: _Listener
    timeout = 5
    server_version = "ostiary"
    sys_version = ""

    def do_GET(self) -> None:
        page = self.server.pages.get(self.path.partition("?")[0])
        status, content_type, body = page() if page else (404, TEXT, b"not here\n")
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Logs nothing: probes come every second."""
