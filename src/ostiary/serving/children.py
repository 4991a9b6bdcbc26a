"""Child processes of the supervisor: forked, restarted when they end, and ended with it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_LIBC = ctypes.CDLL(None, use_errno=True)

QUICK_DEATH_S = 10.0
"""A process that lived longer than this is started again at once; one that did not waits, longer each time."""
LONGEST_PAUSE_S = 10.0
REFUSED = 78
"""The exit code (EX_CONFIG) of a child that reported why it cannot start."""


@dataclass(slots=True)
class Child:
    """One process. `run` is its code, and returns its exit code; `orphaned` is the signal that it gets when the
    supervisor is killed. `heard` is when it last reported that it answers, or was started, on the monotonic clock."""

    name: str
    run: Callable[[], int]
    orphaned: signal.Signals = signal.SIGTERM
    pid: int = 0
    ready: bool = False
    heard: float = 0.0
    _started: float = field(default=0.0, repr=False)
    _quick_deaths: int = field(default=0, repr=False)
    _due: float = field(default=0.0, repr=False)

    @property
    def alive(self) -> bool:
        """Whether it has been started and not ended."""
        return self.pid != 0

    @property
    def pause(self) -> float:
        """Seconds until it should be started (again)."""
        return max(0.0, self._due - time.monotonic())

    def start(self) -> None:
        """Forks. Only the supervisor may call this, which has one thread and no connections."""
        supervisor = os.getpid()
        self._started = self.heard = time.monotonic()
        self.ready = False
        self.pid = os.fork()
        if self.pid == 0:
            _live(self, supervisor)

    def ended(self) -> float:
        """The process is gone; says after how many seconds it may start again."""
        now = time.monotonic()
        self._quick_deaths = self._quick_deaths + 1 if now - self._started < QUICK_DEATH_S else 0
        pause = min(LONGEST_PAUSE_S, 0.25 * 2 ** (self._quick_deaths - 2)) if self._quick_deaths > 1 else 0.0
        self.pid, self.ready, self._due = 0, False, now + pause
        return pause

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal if the process runs."""
        if self.alive:
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                pass


def told(status: int) -> str:
    """A wait status in words."""
    if os.WIFSIGNALED(status):
        return signal.Signals(os.WTERMSIG(status)).name
    return f"exit code {os.waitstatus_to_exitcode(status)}"


def name_process(name: str) -> None:
    """Sets the name of this process in `ps` and `top`; at most 15 bytes."""
    _LIBC.prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0)


class Family:
    """All processes of a server."""

    def __init__(self, children: Iterable[Child]) -> None:
        self._children = list(children)

    def __iter__(self) -> Iterator[Child]:
        return iter(self._children)

    @property
    def any_alive(self) -> bool:
        """Whether there is still one."""
        return any(child.alive for child in self)

    def of(self, pid: int) -> Child | None:
        """The child that this process is."""
        return next((child for child in self if child.pid == pid), None)

    def start_due(self) -> None:
        """Starts those that should run and do not."""
        for child in self:
            if not child.alive and not child.pause:
                child.start()

    def silent(self, seconds: float, starting: float) -> Iterator[Child]:
        """Returns the children that have not reported for `seconds` that they answer; `starting` is the time for one
        that has never reported."""
        now = time.monotonic()
        for child in self:
            if child.alive and now - child.heard > (seconds if child.ready else starting):
                yield child

    def forgive(self) -> None:
        """Counts the time without reports anew from now: until now no child could be heard."""
        for child in self:
            child.heard = time.monotonic()

    def next_due(self, otherwise: float) -> float:
        """Seconds until one should be started, at most `otherwise`."""
        return min([otherwise, *(child.pause for child in self if not child.alive)])

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to all."""
        for child in self:
            child.signal(number)

    def reap(self) -> Iterator[tuple[Child, int]]:
        """Returns the children that have ended since the last call, each with its wait status; the caller reports them
        as `ended`."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            child = self.of(pid)
            if child is not None:
                yield child, status


def use_few_arenas() -> None:
    """Limits the arenas of glibc: one for each thread costs memory that a pinned worker does not need."""
    m_arena_max = -8
    _LIBC.mallopt(m_arena_max, 2)


def _live(child: Child, supervisor: int) -> None:
    """The child's whole life; never returns."""
    code = 70
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        os.setpgid(0, 0)  # Ctrl-C reaches the supervisor alone, which drains
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(child.orphaned), 0, 0, 0)
        name_process(child.name)
        if os.getppid() != supervisor:
            os._exit(REFUSED)
        _read_nothing()
        code = child.run()
    except BaseException as error:  # noqa: BLE001 (the end of this process: there is nowhere left to raise to)
        with suppress(OSError):
            os.write(2, f"ostiary: {child.name}: {type(error).__name__}: {error}\n".encode())
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):
                stream.flush()
        os._exit(code)


def _read_nothing() -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)


OURS = ("envoy.*", "listeners.*", "metrics", "metrics/*", "ostiary.lock", "tls*", "worker-*")
"""The names of the files that a server puts into its run directory, which an operator may have chosen without care."""


def remove_folder(folder: Path) -> None:
    """Removes what a server put into its run directory, and the directory if nothing else is in it; several may try."""
    ours = (path for pattern in OURS for path in folder.glob(pattern))
    for path in sorted(ours, reverse=True):
        try:
            path.rmdir() if path.is_dir() else path.unlink()
        except OSError:
            continue
    try:
        folder.rmdir()
    except OSError:
        pass
