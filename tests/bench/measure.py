"""One operation against one server: throughput, latency, CPU by process, and whether the goal was reached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.load import Result, drive
from bench.operations import Operation
from bench.processes import cpu_seconds, is_envoy, tree
from bench.table import Row


@dataclass(frozen=True)
class Goal:
    """What an operation is held against: `measured` of a run and of its limit, said as `said`, at least (or at most)
    `least`. `limit` measures the limit; it is called before and after the run."""

    said: str
    measured: Callable[[Result, float], float]
    least: float
    shown: Callable[[float], str] = lambda value: f"{value:,.0f}/s"
    limit: Callable[[], float] = lambda: 0.0


def ratio(of: str, limit: Callable[[], float], least: float) -> Goal:
    """A share of a limit that is measured beside it."""
    return Goal(f"≥ {least:g} of {of}", lambda result, most: result.rate / most, least,
                lambda value: f"{value:.2f}", limit)  # fmt: skip


def rate(least: float) -> Goal:
    """So many a second."""
    return Goal(f"≥ {least:,.0f}/s", lambda result, _: result.rate, least)


def measure(store: str, url: str, pid: int, operation: Operation, goal: Goal | None, seconds: float) -> Row:
    """Drives the operation for `seconds`, after a second to warm up where it can."""
    if operation.warms_up:
        drive(url + operation.path, operation.script, seconds=1, connections=operation.connections)
    limits = [goal.limit()] if goal else []
    pids = tree(pid)
    envoys = [pid for pid in pids if is_envoy(pid)]
    workers = [pid for pid in pids if pid not in envoys]
    before = cpu_seconds(workers), cpu_seconds(envoys)
    result = drive(url + operation.path, operation.script, seconds=seconds, connections=operation.connections)
    spent = cpu_seconds(workers) - before[0], cpu_seconds(envoys) - before[1]
    worker_us, envoy_us = (1e6 * part / max(1, result.requests) for part in spent)
    limits += [goal.limit()] if goal else []
    value = goal.measured(result, sum(limits) / 2) if goal else 0.0
    return Row(
        store, operation.name, result.rate, result.p50, result.p99, result.refused + result.broken, worker_us, envoy_us,
        goal.shown(value) if goal else "", goal.said if goal else "", value >= goal.least if goal else None,
    )  # fmt: skip
