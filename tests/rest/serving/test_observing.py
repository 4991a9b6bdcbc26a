"""What only observes, logs and numbers, decides nothing: with nowhere to write, everybody is answered."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from kit.patience import PATIENCE_S, awaited
from kit.servers.served import Served, begin, served


def answers(server: Served, headers: dict[str, str], times: int = 1) -> None:
    """Requests that the gateway may repeat, and refusals by the gateway itself, are answered."""
    for _ in range(times):
        path = f"/management/v4/{server.credentials['tenantId']}/config/tokens"
        assert server.http.get(path, headers=headers).status_code == 200
        assert server.http.get("/nowhere").status_code == 404


def replaced(server: Served, name: str) -> None:
    """Kills a process and waits for the next, and for an answer: on a busy machine the gateway may still be asking who
    is well."""
    pid = server.children()[name]
    os.kill(pid, signal.SIGKILL)
    awaited(lambda: server.children().get(name, pid) != pid)
    server.wait_ready()
    awaited(lambda: server.http.get("/openapi.json").status_code == httpx.codes.OK)


@contextmanager
def logging_into(server: Served, descriptor: int) -> Iterator[None]:
    """The server, started with this standard output and error."""
    server.start_into(descriptor)
    try:
        server.wait_ready()
        yield
    finally:
        assert server.stop(patience=PATIENCE_S) == 0


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that does not run now."""
    with served(tmp_path_factory.mktemp("observing"), log_format="json", ready=False) as server:
        server.process.kill()
        server.process.wait()
        yield server


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_a_full_log_disk_ends_nothing(stopped: Served, log_format: str) -> None:
    stopped.variables["OSTIARY_LOG_FORMAT"] = log_format
    with Path("/dev/full").open("wb") as full, logging_into(stopped, full.fileno()):
        headers = stopped.manager()
        answers(stopped, headers)
        for name in ("worker-0", "envoy"):
            replaced(stopped, name)
        answers(stopped, headers)
        for name in ("background", "worker-1"):
            assert Path(f"/proc/{stopped.children()[name]}").exists()


def test_a_log_that_nobody_reads_ends_nothing_and_goes_on_when_somebody_does(stopped: Served) -> None:
    reader, writer = os.pipe()
    stopped.variables["OSTIARY_LOG_FORMAT"] = "json"
    with logging_into(stopped, writer):
        headers = stopped.manager()
        answers(stopped, headers, 200)  # more lines than the pipe holds
        replaced(stopped, "worker-0")
        answers(stopped, headers)
        os.set_blocking(reader, False)
        came = bytearray()

        def everything() -> bool:
            try:
                came.extend(os.read(reader, 1 << 20))
            except BlockingIOError:
                pass
            return came.count(b'"event":"gateway"') >= 201 and b"process ended" in came

        awaited(everything)
        os.set_blocking(reader, True)
        os.close(reader)  # and now there is no reader at all
        answers(stopped, headers, 10)
        replaced(stopped, "worker-1")
        answers(stopped, headers)
    os.close(writer)


def test_where_nothing_is_open_for_what_is_said_nothing_is_said(stopped: Served) -> None:
    """`2>&-`, as some service managers start it: nothing that is opened later may take the place of standard error."""
    closed = ("sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh")
    stopped.process = begin(stopped.folder, stopped.variables, subprocess.DEVNULL, *closed)
    try:
        stopped.wait_ready()
        answers(stopped, stopped.manager())
        for pid in (stopped.process.pid, *stopped.children().values()):
            opened = {str(Path(f"/proc/{pid}/fd/{number}").readlink()).partition(":")[0] for number in range(3)}
            assert opened <= {"/dev/null", "pipe"}, opened
    finally:
        assert stopped.stop(patience=PATIENCE_S) == 0


def test_a_full_run_directory_ends_nothing(stopped: Served) -> None:
    run_dir = stopped.folder / "small"
    run_dir.mkdir(exist_ok=True)
    stopped.variables["OSTIARY_RUN_DIR"] = str(run_dir)
    mount = f"mount -t tmpfs -o size=4m,mode=700 tmpfs {run_dir}"
    with (stopped.folder / "serve.log").open("ab") as log:
        stopped.process = begin(
            stopped.folder, stopped.variables, log.fileno(),
            "unshare", "--mount", "--map-root-user", "sh", "-c", f'{mount} && exec "$@"', "sh",
        )  # fmt: skip
    stopped.wait_ready()
    inside = Path(f"/proc/{stopped.process.pid}/root{run_dir}")
    filled = subprocess.run(["dd", "if=/dev/zero", f"of={inside}/ballast", "bs=64k"], capture_output=True, check=False)
    assert b"No space" in filled.stderr
    answers(stopped, stopped.manager())
    every_route(stopped)
    for name in ("worker-0", "envoy", "background"):
        replaced(stopped, name)
    every_route(stopped)
    assert "SIGBUS" not in stopped.log
    assert stopped.stop(patience=PATIENCE_S) == 0


def every_route(server: Served) -> None:
    """Of each operation one request more or less: each is a series of its own to be counted."""
    document = server.http.get("/openapi.json").json()
    paths = [path for path, verbs in document["paths"].items() if "get" in verbs][:80]
    for path in paths:
        assert server.http.get(path.replace("{", "").replace("}", "")).status_code not in (502, 503, 504), path
