"""SCIM servers of the registries on this machine, in this run: what the changes of a user are compared with.

scim2-server keeps users in memory, scimmy-routers too (in a Map of ours, since it stores nothing itself), Canaille in
SQLite. Each is one process, as its documentation starts it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench.baselines.peer import free_port

HERE = Path(__file__).parent
SCIM2_SERVER = ("scim2-server==0.8.3",)
CANAILLE = ("canaille[oidc,scim,server,sqlite]==0.3.6", "scim2-models==0.6.12", "scim2-client==0.7.5")
"""With the oldest scim2-models that it takes: with 0.12.3 it answers a creation with 500."""
READY_S = 60
TOKEN = {"authorization": "Bearer bench"}
"""The one that Canaille knows; the others ask for none, or take any."""
_QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


@dataclass(frozen=True)
class ScimPeer:
    """A running server: its name with its version, the address of its users, and its process."""

    name: str
    url: str
    pid: int


@dataclass(frozen=True)
class Peers:
    """The servers that run, and the names of those that could not be installed or started."""

    running: Sequence[ScimPeer]
    missing: Sequence[str]


@contextmanager
def running(folder: Path) -> Iterator[Peers]:
    """All of them that can be had; each is stopped in the end."""
    found: list[ScimPeer] = []
    missing: list[str] = []
    with ExitStack() as until_the_end:
        for name, begin in (("scim2-server 0.8.3", _scim2_server), ("Canaille 0.3.6", _canaille),
                            (f"scimmy-routers {_pinned()}", _scimmy)):  # fmt: skip
            peer = until_the_end.enter_context(begin(folder / name.split()[0]))
            if peer is None:
                missing.append(name)
            else:
                found.append(ScimPeer(name, *peer))
        yield Peers(found, missing)


def _pinned() -> str:
    return str(json.loads((HERE / "package.json").read_text())["dependencies"]["scimmy-routers"])


@contextmanager
def _scim2_server(folder: Path) -> Iterator[tuple[str, int] | None]:
    port, program = str(free_port()), "from scim2_server.testserver.cli import main; main()"
    with _python(folder, SCIM2_SERVER, "-c", program, "--port", port) as pid:
        yield _when_ready(f"http://127.0.0.1:{port}/Users", pid)


@contextmanager
def _canaille(folder: Path) -> Iterator[tuple[str, int] | None]:
    port = str(free_port())
    with _python(folder, CANAILLE, str(HERE / "canaille_server.py"), port, str(folder)) as pid:
        yield _when_ready(f"http://127.0.0.1:{port}/scim/v2/Users", pid)


@contextmanager
def _scimmy(folder: Path) -> Iterator[tuple[str, int] | None]:
    node, npm, port = shutil.which("node"), shutil.which("npm"), str(free_port())
    folder.mkdir(parents=True)
    for name in ("package.json", "server.mjs"):
        shutil.copy(HERE / name, folder)
    install = [npm or "", "install", "--no-audit", "--no-fund"]
    if node is None or npm is None or subprocess.run(install, cwd=folder, check=False, **_QUIET).returncode:  # type: ignore[call-overload]
        yield None
        return
    with _process([node, "server.mjs", port], folder, dict(os.environ)) as pid:
        yield _when_ready(f"http://127.0.0.1:{port}/scim/Users", pid)


@contextmanager
def _python(folder: Path, packages: Sequence[str], *arguments: str) -> Iterator[int | None]:
    """A Python program with packages that are installed for it alone; None where they cannot be had."""
    folder.mkdir(parents=True)
    target = folder / "packages"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(target), *packages]
    if subprocess.run(install, check=False, **_QUIET).returncode:  # type: ignore[call-overload]
        yield None
        return
    with _process([sys.executable, *arguments], folder, {**os.environ, "PYTHONPATH": str(target)}) as pid:
        yield pid


@contextmanager
def _process(command: Sequence[str], folder: Path, environment: dict[str, str]) -> Iterator[int]:
    server = subprocess.Popen(command, cwd=folder, env=environment, **_QUIET)  # type: ignore[call-overload]
    try:
        yield server.pid
    finally:
        server.kill()
        server.wait()


def _when_ready(url: str, pid: int | None) -> tuple[str, int] | None:
    """The address and the process as soon as it answers; None where it does not."""
    end = time.monotonic() + READY_S
    while pid is not None and time.monotonic() < end:
        try:
            httpx.get(url.replace("Users", "ServiceProviderConfig"), headers=TOKEN, timeout=5)
            return url, pid
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    return None
