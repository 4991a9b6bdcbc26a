"""A second server on the same store or run directory is refused; commands beside a server are not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from kit.servers.command import Ended, ostiary_here
from kit.servers.ports import free_port
from kit.servers.served import Served, served


def second(server: Served, **changed: str) -> Ended:
    """Another server with these settings, and addresses of its own."""
    port, admin = free_port(), free_port()
    own = {
        "OSTIARY_LISTEN": f"127.0.0.1:{port}", "OSTIARY_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "OSTIARY_ADMIN_LISTEN": f"127.0.0.1:{admin}", **changed,
    }  # fmt: skip
    ended = subprocess.run(
        [sys.executable, "-m", "ostiary", "serve"], env={**os.environ, **server.variables, **own}, text=True,
        capture_output=True, timeout=60, check=False, cwd=server.folder, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def test_a_second_server_is_refused_and_the_first_serves_on(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        (tmp_path / "run/notes.txt").write_text("somebody else's")
        for changed in (
            {"OSTIARY_RUN_DIR": str(tmp_path / "other")},
            {"OSTIARY_DATA": str(tmp_path / "elsewhere"), "OSTIARY_DATABASE": f"sqlite:///{tmp_path}/elsewhere/x"},
        ):
            refused = second(server, **changed)
            assert (refused.code, refused.stdout, refused.stderr.count("\n")) == (2, "", 1), refused
            assert f"in use by another server (process {server.process.pid})" in refused.stderr
            assert ("store" in refused.stderr) == ("OSTIARY_RUN_DIR" in changed)
        listed = ostiary_here("tenant", "list", cwd=tmp_path, **server.variables)
        assert (listed.code, listed.stderr) == (0, "")
        assert server.token()
        assert server.log.count("no passkeys") == 1, "it is at 127.0.0.1"
    assert (tmp_path / "run/notes.txt").read_text() == "somebody else's", "only what is the server's goes with it"
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["notes.txt"]


def test_a_server_starts_where_one_was_killed(tmp_path: Path) -> None:
    with served(tmp_path) as first:
        first.stop(signal.SIGKILL)
        with served(tmp_path, init=False) as server:
            assert server.token(first.credentials["apikey"])
