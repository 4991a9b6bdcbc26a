"""Output of commands: JSON for scripts, columns for people."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import click


def print_json(document: Any) -> None:
    """Prints one JSON document on standard output."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def print_variables(variables: Mapping[str, str]) -> None:
    """Assignments that a POSIX shell reads (`eval`), each value quoted where it must be."""
    for name, value in variables.items():
        click.echo(f"{name}={shlex.quote(value)}")


def print_facts(facts: Mapping[str, Any]) -> None:
    """Names and values in two columns."""
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        click.echo(f"  {name:<{width}}  {value}")


def print_table(headers: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Rows under headers, every column as wide as its longest cell."""
    cells = [list(headers), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headers))]
    for row in cells:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
