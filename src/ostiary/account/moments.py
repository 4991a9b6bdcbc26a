"""Moments as the account shows them: in figures, which are read alike in all languages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment: `shown` to people, `machine` as HTML's `time` has it."""

    shown: str
    machine: str


def moment(at_ms: int) -> Moment:
    """The moment of UTC milliseconds, to the minute."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return Moment(f"{at:%Y-%m-%d %H:%M} UTC", f"{at:%Y-%m-%dT%H:%MZ}")
