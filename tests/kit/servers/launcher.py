"""Processes of `ostiary` that begin at once: a launcher imports the program and then forks for each.

Importing takes two seconds of a processor, and tests start hundreds of servers. What a launched process does is what
`python -m ostiary` does, with an environment, a folder and descriptors of its own. Tests of the start itself, of memory
and of speed, of what is installed, and `make demo` start the program.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kit.patience import PATIENCE_S

from ostiary.__main__ import main
from ostiary.gateway.operations import declared_interface
from ostiary.gateway.render import Gateway, render

_LARGEST = 1 << 20


class Launched:
    """A process that the launcher forked, used like `subprocess.Popen`."""

    def __init__(self, pid: int, ended: int, args: Sequence[str]) -> None:
        self.pid = pid
        self.args = args
        self.returncode: int | None = None
        self._ended = ended
        self._asking = threading.Lock()

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._ask(0)

    def wait(self, timeout: float | None = None) -> int:
        """The exit code. Raises subprocess.TimeoutExpired after `timeout` seconds."""
        code = self._ask(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        """Sends a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Sends SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def _ask(self, seconds: float | None) -> int | None:
        with self._asking:
            if self.returncode is None and select.select([self._ended], [], [], seconds)[0]:
                self.returncode = int(os.read(self._ended, 32) or -signal.SIGKILL)
                os.close(self._ended)
        return self.returncode


class Launcher:
    """The launcher of this process, started when it is first asked."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._asking = threading.Lock()

    def launch(
        self, arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str], stdin: int, stdout: int, stderr: int
    ) -> Launched:
        """`python -m ostiary ARGUMENTS`, with these descriptors."""
        ended, tell = os.pipe()
        try:
            with self._asking:
                asked = self._connection()
                request = json.dumps({"arguments": [*arguments], "cwd": str(cwd), "env": {**env}}).encode()
                socket.send_fds(asked, [request], [stdin, stdout, stderr, tell])
                pid = int(asked.recv(32))
        finally:
            os.close(tell)
        return Launched(pid, ended, ["ostiary", *arguments])

    def _connection(self) -> socket.socket:
        if self._socket is None:
            self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "kit.servers.launcher", str(theirs.fileno())], pass_fds=[theirs.fileno()],
                    env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, stdin=subprocess.DEVNULL,
                )  # fmt: skip
            atexit.register(self._end)
        return self._socket

    def _end(self) -> None:
        """The launcher ends with its socket."""
        if self._socket is not None and self._process is not None:
            self._socket.close()
            self._process.wait(PATIENCE_S)


launcher = Launcher()
"""The one launcher of this process."""


def _serve(connection: socket.socket) -> None:
    """The life of the launcher: forks when asked, and passes on how each process ended."""
    _import()
    waker, wake = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(waker, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    running: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([connection, waker], [], [])
        if waker in ready:
            os.read(waker, 1024)
            _reap(running)
        if connection in ready:
            request, descriptors, _, _ = socket.recv_fds(connection, _LARGEST, 4)
            if not request:
                return
            pid = os.fork()
            if not pid:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for each in (connection.fileno(), waker, wake, *running.values(), descriptors[3]):
                    os.close(each)
                os._exit(_become(json.loads(request), descriptors[:3]))
            running[pid] = descriptors[3]
            for each in descriptors[:3]:
                os.close(each)
            connection.send(str(pid).encode())


def _reap(running: dict[int, int]) -> None:
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        tell = running.pop(pid)
        try:
            os.write(tell, str(os.waitstatus_to_exitcode(status)).encode())
        except BrokenPipeError:
            pass  # nobody asks any more
        os.close(tell)


def _import() -> None:
    """Imports everything but the modules that make metrics: a server says where it counts before it makes them."""
    for name in ("ostiary.cli.commands.serve", "ostiary.serving.edge", "ostiary.services.served"):
        importlib.import_module(name)
    render(Gateway("127.0.0.1:1", []), declared_interface())  # what all servers have in common is kept
    assert "ostiary.transport.observation" not in sys.modules
    gc.collect()
    gc.freeze()


def _become(request: dict[str, Any], descriptors: Sequence[int]) -> int:
    """The life of a launched process; the exit code."""
    for number, each in enumerate(descriptors):
        os.dup2(each, number)
        os.close(each)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.argv = ["ostiary", *request["arguments"]]
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(number, mode) for number, mode in enumerate("rww"))
    try:
        code = main()
        sys.stdout.flush()
    except BaseException:  # noqa: BLE001 (as the interpreter ends)
        traceback.print_exc()
        code = 1
    sys.stderr.flush()
    return code


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
