"""node-oidc-provider on this machine, in this run: the peer that the token endpoint is compared with."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent / "peer"


def version() -> str:
    """The version that package.json pins."""
    import json

    return str(json.loads((HERE / "package.json").read_text())["dependencies"]["oidc-provider"])


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def running(folder: Path) -> Iterator[str | None]:
    """The URL of its token endpoint; None where Node or its package cannot be had."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        yield None
        return
    shutil.copytree(HERE, folder, dirs_exist_ok=True)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    if subprocess.run([npm, "install", "--no-audit", "--no-fund"], cwd=folder, check=False, **quiet).returncode:  # type: ignore[call-overload]
        yield None
        return
    port = free_port()
    server = subprocess.Popen(
        [node, "server.mjs", str(port)], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert server.stdout is not None
        server.stdout.readline()
        yield f"http://127.0.0.1:{port}/token"
    finally:
        server.terminate()
        server.wait(10)
