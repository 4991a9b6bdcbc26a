"""CPU time and memory of process trees, read from /proc."""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy.engine import make_url

_TICKS = os.sysconf("SC_CLK_TCK")


def tree(pid: int) -> list[int]:
    """`pid` and all that descend from it."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        waiting.extend(children.get(found[-1], []))
    return found


def database_processes(url: str) -> list[int]:
    """The processes of a PostgreSQL that the bench has started (`kit.servers.databases`); none where SQLite is used."""
    folder = make_url(url).query.get("host")
    if not isinstance(folder, str):
        return []
    return tree(int((Path(folder) / "data/postmaster.pid").read_text().split()[0]))


def is_envoy(pid: int) -> bool:
    """Whether the process is Envoy."""
    return Path(f"/proc/{pid}/exe").resolve().name == "envoy"


def cpu_seconds(pids: list[int]) -> float:
    """User and system time that the processes have taken so far."""
    total = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += int(fields[11]) + int(fields[12])
    return total / _TICKS


def pss_mib(pids: list[int]) -> float:
    """Proportional set size: memory, with shared pages counted once."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024
