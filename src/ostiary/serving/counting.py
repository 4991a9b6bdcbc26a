"""Memory for the metrics of a server's processes, for `/metrics`.

prometheus_client lets each process count in files that it maps into its memory. Where the disk of such a file is full,
the kernel kills the process that touches a new page of it (SIGBUS): metrics could prevent a sign-in. So the files are
in memory (memfd), which needs no disk. The supervisor makes them before it forks, one for each
process and kind, and a process that is started again goes on in those of the one before.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import structlog
from prometheus_client import Counter, values

_KINDS = ("counter", "histogram")
"""The kinds of metrics in use; prometheus_client keeps a file for each."""
_FIRST_BYTES = 65_536
"""The size with which the library begins; it takes more when it needs more."""
_SUPERVISOR = "supervisor"
_own = [_SUPERVISOR]


def reserve(folder: Path, names: Iterable[str]) -> None:
    """Makes the memory of the processes `names` known in `folder`; without it each process counts for itself.

    Call it before the first metric is made.
    """
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        for stale in folder.iterdir():
            stale.unlink()
        for name in (_SUPERVISOR, *names):
            for kind in _KINDS:
                memory = os.memfd_create(f"ostiary-{kind}")  # kept by every fork, closed in Envoy
                os.ftruncate(memory, _FIRST_BYTES)
                (folder / f"{kind}_{name}.db").symlink_to(f"/proc/self/fd/{memory}")
    except OSError as error:
        structlog.get_logger("ostiary.serving").warning("metrics of a single process only", reason=str(error))
        return
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    values.ValueClass = values.MultiProcessValue(process_identifier=lambda: _own[0])  # type: ignore[no-untyped-call]


def count_as(name: str) -> None:
    """Makes this process, just forked, count under `name`."""
    _own[0] = name


def lost_lines() -> Callable[[int], None]:
    """Counts lines of the log that could not be written. Call it once in a process, after `count_as`."""
    return Counter("ostiary_log_lines_lost_total", "Lines of the log that could not be written.").inc
