"""The whole server as an operator runs it: `ostiary serve` in a process of its own, on free loopback ports.

Unless a test asks for the program itself (`program=True`), the process is forked from one that has imported it: the
import costs ten times as much as everything else in a start.
"""

from __future__ import annotations

import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import grpc
import httpx
from kit.patience import PATIENCE_S
from kit.servers.command import ostiary_here
from kit.servers.databases import place_schema
from kit.servers.launcher import Launched, launcher
from kit.servers.ports import free_port

NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For single requests without TLS: otherwise each reads every certificate authority there is, a tenth of a second."""
READY_S = 90.0
"""Generous, since test files run side by side on few cores; a server that fails ends earlier."""


@dataclass
class Served:
    """A running server. `credentials` are what `ostiary init` printed, with the URLs of this server."""

    folder: Path
    port: int
    admin_port: int
    variables: dict[str, str]
    credentials: dict[str, str] = field(default_factory=dict, repr=False)
    program: bool = False
    process: subprocess.Popen[bytes] | Launched = field(init=False, repr=False)

    @property
    def url(self) -> str:
        """The public URL."""
        return self.variables["OSTIARY_PUBLIC_URL"]

    @property
    def database(self) -> str:
        """The URL of its database."""
        return self.variables.get("OSTIARY_DATABASE") or f"sqlite:///{self.folder}/data/ostiary.sqlite3"

    @property
    def run_dir(self) -> Path:
        """The folder of its sockets."""
        return Path(self.variables["OSTIARY_RUN_DIR"])

    @property
    def log(self) -> str:
        """All that it wrote so far, standard output and error."""
        return (self.folder / "serve.log").read_text()

    @cached_property
    def http(self) -> httpx.Client:
        """A REST client of the public port."""
        return httpx.Client(base_url=self.url, timeout=PATIENCE_S)

    def channel(self) -> grpc.Channel:
        """A native gRPC channel to the public port."""
        return grpc.insecure_channel(f"127.0.0.1:{self.port}")

    def admin(self, path: str) -> httpx.Response:
        """A page of the admin listener."""
        return httpx.get(f"http://127.0.0.1:{self.admin_port}{path}", timeout=5, verify=NO_AUTHORITIES)

    def token(self, api_key: str = "") -> str:
        """An IAM access token, for the tenant's Manager key unless another is given."""
        form = {"grant_type": "urn:ibm:params:oauth:grant-type:apikey", "apikey": api_key or self.credentials["apikey"]}
        answer = self.http.post("/identity/token", data=form)
        answer.raise_for_status()
        token: str = answer.json()["access_token"]
        return token

    def manager(self) -> dict[str, str]:
        """Headers of a Manager of the first tenant."""
        return {"authorization": f"Bearer {self.token()}"}

    def children(self) -> dict[str, int]:
        """The pids of its processes by name: worker-0, …, background, envoy."""
        found = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                name, fields = stat.read_text().rpartition(")")[::2]
            except OSError:
                continue
            if int(fields.split()[1]) == self.process.pid and fields.split()[0] != "Z":
                found[name.partition("(")[2]] = int(stat.parent.name)
        return found

    def wait_ready(self) -> None:
        """Until `/readyz` says yes; fails with the log when it does not."""
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if self.admin("/readyz").status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"not ready:\n{self.log}")

    def stop(self, number: int = signal.SIGTERM, patience: float = PATIENCE_S) -> int:
        """Sends a signal and waits for the end; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            if "http" in self.__dict__:
                self.__dict__.pop("http").close()

    def start(self) -> None:
        """Starts it again, after it has ended, at the same addresses."""
        with (self.folder / "serve.log").open("ab") as log:
            self.start_into(log.fileno())

    def start_into(self, descriptor: int) -> None:
        """The same, with this standard output and error."""
        self.process = (begin if self.program else launch)(self.folder, self.variables, descriptor)


def launch(folder: Path, variables: dict[str, str], output: int) -> Launched:
    """The process of a server, forked from one that has imported the program."""
    with Path(os.devnull).open("rb") as nothing:
        return launcher.launch(
            ["serve"], cwd=folder, env=_clean(variables), stdin=nothing.fileno(), stdout=output, stderr=output
        )


def begin(folder: Path, variables: dict[str, str], output: int, *before: str) -> subprocess.Popen[bytes]:
    """The process of a server, started as a program; `before` is a command that becomes it."""
    return subprocess.Popen(
        [*before, sys.executable, "-m", "ostiary", "serve"], cwd=folder, env=_clean(variables), stdout=output,
        stderr=output, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def _clean(variables: dict[str, str]) -> dict[str, str]:
    """The environment, in which no setting is but these."""
    return {**{name: value for name, value in os.environ.items() if not name.startswith("OSTIARY_")}, **variables}


@contextmanager
def served(
    folder: Path, *, init: bool = True, ready: bool = True, program: bool = False, **settings: Any
) -> Iterator[Served]:
    """Serves with `settings` (names of `ostiary.config.Settings`), after `ostiary init` unless it was made before."""
    port = int(settings["listen"].rpartition(":")[2]) if "listen" in settings else free_port()
    admin_port = free_port()
    given = {
        "data": folder / "data", "listen": f"127.0.0.1:{port}", "admin_listen": f"127.0.0.1:{admin_port}",
        "public_url": f"http://127.0.0.1:{port}", "run_dir": folder / "run", "workers": 2, "argon2_memory_kib": 64,
    }  # fmt: skip
    variables = {f"OSTIARY_{name.upper()}": str(value) for name, value in {**given, **settings}.items()}
    credentials: dict[str, str] = {}
    if init:
        if "database" not in settings and not (folder / "data").exists():
            place_schema(f"sqlite:///{folder}/data/ostiary.sqlite3")
        made = ostiary_here("init", "--if-needed", "--json", cwd=folder, **variables)
        assert made.code == 0, made.stderr
        credentials = made.json()
    server = Served(folder, port, admin_port, variables, credentials, program)
    server.start()
    try:
        if ready:
            server.wait_ready()
        yield server
    except BaseException:
        print(server.log[-8_000:])  # beside what failed
        raise
    finally:
        server.stop()
