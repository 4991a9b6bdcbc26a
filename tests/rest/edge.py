"""What tests of the gateway alone begin with: a real Envoy before a worker that answers as each request asks."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
from kit.servers.ports import free_port
from rest.dialects import DialectsServer

from ostiary.gateway import envoy
from ostiary.gateway.operations import Interface
from ostiary.gateway.render import HEALTH_SERVICE, Gateway, render

SETTINGS = "/management/v4/t1/config/settings"
TOKEN = "/oauth/v4/t1/token"
KEYS = "/oauth/v4/t1/publickeys"
FRESH = {"cache-control": "no-cache"}
"""A document with these headers comes from a worker, whatever Envoy has kept."""


class Edge:
    """A running Envoy and the workers behind it."""

    def __init__(self, folder: Path, descriptors: bytes, interface: Interface, workers: int = 1, **given: Any) -> None:
        self.sockets = [folder / f"worker-{number}.sock" for number in range(workers)]
        self.servers = [DialectsServer(descriptors, f"unix:{path}", HEALTH_SERVICE) for path in self.sockets]
        self.port = free_port()
        self.log = folder / "envoy.log"
        self.admin = envoy.Admin(folder / "admin.sock")
        gateway = Gateway(
            f"127.0.0.1:{self.port}", [str(path) for path in self.sockets], folder / "admin.sock", request_seconds=2,
        )  # fmt: skip
        config = folder / "envoy.yaml"
        config.write_text(render(replace(gateway, **given), interface), encoding="utf-8")
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(envoy.command(config), stderr=log, env=envoy.environment())
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=10)
        self._wait(workers)

    def _wait(self, workers: int) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if self.admin.healthy_workers() == workers:
                    return
            except OSError:
                assert self._process.poll() is None, self.log.read_text()
            time.sleep(0.02)
        raise AssertionError(self.log.read_text())

    def close(self) -> None:
        """Stops Envoy and the workers."""
        self.http.close()
        self._process.terminate()
        self._process.wait()
        for server in self.servers:
            server.stop()

    def raw(self, request: bytes) -> bytes:
        """What comes back for bytes that no HTTP library would send."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(request)
            answer = b""
            while chunk := connection.recv(65_536):
                answer += chunk
        return answer


def answering(**wanted: Any) -> dict[str, str]:
    """The headers that tell a worker what to answer, and Envoy that a worker is asked."""
    return {"x-answer": json.dumps(wanted), **FRESH}


def failing(status: int, text: str, content_type: str = "application/json", code: str = "NOT_FOUND") -> dict[str, str]:
    """An error as the pipeline sends it."""
    trailing = [["x-http-status", str(status)], ["x-http-content-type", content_type], ["x-http-error", text]]
    return answering(code=code, message="internal words", trailing=trailing)


def seen(answer: httpx.Response) -> Any:
    return answer.json()["seen"]


def refused_by_grpc_web(answer: httpx.Response, code: int, words: str) -> None:
    """Holds when an answer is a refusal as gRPC-Web has it."""
    assert (answer.status_code, answer.headers["grpc-status"], answer.content) == (200, str(code), b"")
    assert answer.headers["content-type"].startswith("application/grpc-web")
    assert answer.headers["grpc-message"] == words


FAMILIES = [
    (SETTINGS, "appid", {"errorCode", "message"}),
    ("/management/v4/t1/cloud_directory/Users", "appid_users", {"errorCode", "message", "detail", "status", "schemas"}),
    (KEYS, "oauth", {"error", "error_description"}),
    ("/identity/token", "iam", {"errorCode", "errorMessage"}),
    ("/scim/v2/Users/u1", "scim", {"schemas", "status", "detail"}),
    ("/csp/gateway/am/api/orgs/t1", "csp", {"cspErrorCode", "errorCode", "message", "moduleCode", "statusCode"}),
    ("/cloudapi/1.0.0/users/u1", "cloudapi", {"minorErrorCode", "message", "stackTrace"}),
]

ORIGIN = {"origin": "https://app.test"}
PREFLIGHT = ORIGIN | {"access-control-request-method": "POST", "access-control-request-headers": "x-filter-type"}


def cors_headers(answer: httpx.Response) -> dict[str, str]:
    """What an answer allows to other origins."""
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}
