"""Exclusive use: one server for a run directory, and one for an embedded store; a second one is refused.

Sockets, metrics and Envoy's configuration in a run directory belong to one server. Two servers on one SQLite database
would each count coarse limits and clean up for itself, and `ostiary restore` could not know that all were stopped;
replicas are for PostgreSQL. Commands that run next to a server are no servers and take no such lock.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ostiary.config import ConfigurationError
from ostiary.files import naming

PATIENCE_S = 5.0
"""The time in which the processes of a server whose supervisor was killed must end."""
_POLL_S = 0.05


@contextmanager
def alone(lock: Path, what: str) -> Iterator[None]:
    """Holds `lock` until this process and those that it forked have ended. Raises ConfigurationError, which names
    `what`, when a server holds it: at once while its supervisor runs, else after PATIENCE_S."""
    latest = time.monotonic() + PATIENCE_S
    while (descriptor := _taken(lock)) is None:
        holder = _holder(lock)
        if _lives(holder) or time.monotonic() > latest:
            raise ConfigurationError(f"{what} is in use by another server (process {holder}): stop that one first")
        time.sleep(_POLL_S)
    try:
        with naming(lock):
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(descriptor)


def _taken(lock: Path) -> int | None:
    """The descriptor of the locked file. A file that its holder removed meanwhile protects nothing."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_ino == lock.stat().st_ino:
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(descriptor)
    return None


def _holder(lock: Path) -> str:
    """Returns the process id in the file; empty if there is none."""
    try:
        return lock.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def _lives(pid: str) -> bool:
    if not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True
