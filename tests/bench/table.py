"""The results as a table, for a terminal and for docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One measured operation. CPU in µs a request; `goal` says what it had to reach, `reached` whether it did."""

    store: str
    operation: str
    rate: float
    p50: float
    p99: float
    errors: int
    worker_us: float
    envoy_us: float
    measure: str
    goal: str
    reached: bool | None


HEADINGS = ("store", "operation", "req/s", "p50 ms", "p99 ms", "errors", "worker µs", "Envoy µs", "measure", "goal", "")


def cells(row: Row) -> tuple[str, ...]:
    """The row as text."""
    mark = {True: "reached", False: "MISSED", None: ""}[row.reached]
    return (
        row.store, row.operation, f"{row.rate:,.0f}", f"{row.p50:.1f}", f"{row.p99:.1f}", str(row.errors),
        f"{row.worker_us:,.0f}", f"{row.envoy_us:,.0f}", row.measure, row.goal, mark,
    )  # fmt: skip


def text(rows: Sequence[Row]) -> str:
    """Aligned columns."""
    lines = [HEADINGS, *map(cells, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    return "\n".join(
        "  ".join(cell.ljust(width) if column in (0, 1, 8, 9, 10) else cell.rjust(width)
                  for column, (cell, width) in enumerate(zip(line, widths, strict=True))).rstrip()
        for line in lines
    )  # fmt: skip


def markdown(rows: Sequence[Row]) -> str:
    """The same for the documentation."""
    lines = [HEADINGS, tuple("---" for _ in HEADINGS), *map(cells, rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
