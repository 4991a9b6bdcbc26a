"""How the tour tells what it does: a chapter, what was asked, what came back, and whether it was what it should be."""

from __future__ import annotations

import sys
import textwrap
from typing import Any

_COLOURS = {"bold": "1", "dim": "2", "green": "32", "red": "31"}


class Disappointed(Exception):
    """Something did not hold; the tour ends with exit code 1."""


def _styled(text: str, style: str) -> str:
    return f"\x1b[{_COLOURS[style]}m{text}\x1b[0m" if sys.stdout.isatty() else text


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class Teller:
    """Tells the tour on standard output and counts what held."""

    def __init__(self) -> None:
        self.held = 0

    def chapter(self, title: str, about: str) -> None:
        """Begins a chapter."""
        _say("\n" + _styled(title, "bold"))
        _say(textwrap.fill(about, 100, initial_indent="  ", subsequent_indent="  "))

    def asked(self, what: str) -> None:
        """What goes over the wire."""
        _say(_styled(f"  → {what}", "dim"))

    def shows(self, name: str, value: Any) -> None:
        """A piece of the answer that is worth seeing, shortened to a line."""
        text = str(value)
        _say(f"    {name:<14} {text if len(text) <= 82 else text[:79] + '…'}")

    def holds(self, claim: str, truth: bool, seen: Any = "") -> None:
        """A claim that must be true; `seen` is shown when it is not."""
        if not truth:
            _say(_styled(f"  ✗ {claim}", "red") + (f"\n    seen: {seen}" if seen != "" else ""))
            raise Disappointed(claim)
        self.held += 1
        _say(_styled("  ✓ ", "green") + claim)

    def ends(self, seconds: float) -> None:
        """The last line."""
        _say("\n" + _styled(f"All {self.held} claims held, in {seconds:.1f} s.", "green"))
