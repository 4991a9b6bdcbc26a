"""Page sizes that clients can receive: a native gRPC client accepts messages of 4 MiB unless it is configured
otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from ostiary.http.json_text import write_json

MOST_BYTES = 3_500_000
"""The limit of the entries of a page; the rest of a message is for the other fields and for gRPC."""
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
