"""Progress bars of a long command, one for each part, on standard error."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any, Self

import click


class Bars:
    """Shows how far each part is; nothing where nobody looks."""

    def __init__(self, *, hidden: bool) -> None:
        self._hidden = hidden
        self._part = ""
        self._bar: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def show(self, part: str, done: int, total: int) -> None:
        """`done` of `total` of a part; a new part has a new bar."""
        if part != self._part:
            self._end()
            self._part = part
            self._bar = click.progressbar(
                length=total, label=f"{part:<14}", file=sys.stderr, show_pos=True,
                hidden=self._hidden,
            )  # fmt: skip
            self._bar.__enter__()
        self._bar.length = total
        self._bar.update(done - self._bar.pos)

    def _end(self) -> None:
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
            self._bar = None
