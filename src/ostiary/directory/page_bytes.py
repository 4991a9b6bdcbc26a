"""Pages that clients can receive: a native gRPC client takes messages of 4 MiB unless it was told otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from ostiary.directory.json_text import write_json

MOST_BYTES = 3_500_000
"""Of the entries of a page; what stands around them and the paths of gRPC have the rest."""
Document = TypeVar("Document")


def fitting(entries: Sequence[Document]) -> list[Document]:
    """The first of these documents whose JSON has at most MOST_BYTES together, and one at least: the next page begins
    behind them."""
    fit: list[Document] = []
    left = MOST_BYTES
    for entry in entries:
        left -= len(write_json(entry).encode())
        if left < 0 and fit:
            break
        fit.append(entry)
    return fit
