"""One operation against one server: throughput, latency, CPU by process, and whether the goal was reached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter

from bench.load import Result, drive
from bench.operations import Operation
from bench.processes import cpu_seconds, is_envoy, tree
from bench.table import Row


@dataclass(frozen=True)
class Goal:
    """What an operation is held against: `measured` of a run and of its limit, said as `said`, at least (or at most)
    `least`. `limit` measures the limit; it is called before and after each of `turns` runs, of which the middle one
    counts: a machine that others share is now faster and now slower, and not for all programs alike."""

    said: str
    measured: Callable[[Result, float], float]
    least: float
    shown: Callable[[float], str] = lambda value: f"{value:,.0f}/s"
    limit: Callable[[], float] = lambda: 0.0
    turns: int = 1


def ratio(of: str, limit: Callable[[], float], least: float) -> Goal:
    """A share of a limit that is measured beside it."""
    return Goal(f"≥ {least:g} of {of}", lambda result, most: result.rate / most, least,
                lambda value: f"{value:.2f}", limit, turns=3)  # fmt: skip


def rate(least: float) -> Goal:
    """So many a second."""
    return Goal(f"≥ {least:,.0f}/s", lambda result, _: result.rate, least)


def measure(store: str, url: str, pid: int, operation: Operation, goal: Goal | None, seconds: float) -> Row:
    """Drives the operation for `seconds` a turn, after a second to warm up where it can."""
    if operation.warms_up:
        drive(url + operation.path, operation.script, seconds=1, connections=operation.connections)
    turns: list[tuple[float, Row]] = []
    before = goal.limit() if goal else 0.0
    for _ in range(goal.turns if goal else 1):
        result, worker_us, envoy_us = _driven(url, pid, operation, seconds)
        after = goal.limit() if goal else 0.0
        value = goal.measured(result, (before + after) / 2) if goal else 0.0
        before = after
        turns.append((value, Row(
            store, operation.name, result.rate, result.p50, result.p99, result.refused + result.broken, worker_us,
            envoy_us, goal.shown(value) if goal else "", goal.said if goal else "",
            value >= goal.least if goal else None,
        )))  # fmt: skip
    return sorted(turns, key=itemgetter(0))[len(turns) // 2][1]


def _driven(url: str, pid: int, operation: Operation, seconds: float) -> tuple[Result, float, float]:
    """What came of it, and the microseconds of CPU a request: of the workers, of Envoy."""
    pids = tree(pid)
    envoys = [pid for pid in pids if is_envoy(pid)]
    workers = [pid for pid in pids if pid not in envoys]
    before = cpu_seconds(workers), cpu_seconds(envoys)
    result = drive(url + operation.path, operation.script, seconds=seconds, connections=operation.connections)
    spent = cpu_seconds(workers) - before[0], cpu_seconds(envoys) - before[1]
    worker_us, envoy_us = (1e6 * part / max(1, result.requests) for part in spent)
    return result, worker_us, envoy_us
