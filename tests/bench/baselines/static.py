"""The static RPC behind a real Envoy with Ostiary's own configuration: the ceiling for reads over REST."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
from kit.servers.ports import free_port

from ostiary.gateway import envoy
from ostiary.gateway.operations import declared_interface
from ostiary.gateway.render import Gateway, render

PATH = "/oauth/v4/00000000-0000-4000-8000-000000000000/.well-known/openid-configuration"


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """The base URL; one static worker for each allowed core."""
    folder.mkdir()
    cores = sorted(os.sched_getaffinity(0))
    sockets = [folder / f"static-{core}.sock" for core in cores]
    listen = f"127.0.0.1:{free_port()}"
    config = folder / "envoy.yaml"
    config.write_text(
        render(Gateway(listen, [str(path) for path in sockets]), declared_interface()),
        encoding="utf-8",
    )
    with ExitStack() as stack, (folder / "log").open("wb") as log:
        commands = [
            [sys.executable, "-m", "bench.baselines.static_server", str(path), str(core)]
            for core, path in zip(cores, sockets, strict=True)
        ]
        for command in (*commands, envoy.command(config)):
            process = subprocess.Popen(command, stdout=log, stderr=log)
            stack.callback(process.wait)
            stack.callback(process.terminate)
        _await(f"http://{listen}{PATH}")
        yield f"http://{listen}"


def _await(url: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise RuntimeError("the static server does not answer")
