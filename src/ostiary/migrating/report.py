"""Report of a copy: what it did, and what it could not copy."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

CREATED, CHANGED, UNCHANGED, LEFT, FAILED = "created", "changed", "unchanged", "notCarried", "failed"
MOST_NOTES = 1_000
"""Notes that are kept; beyond them they are only counted, so that a report has a bound too."""


@dataclass(frozen=True, slots=True)
class Note:
    """A part that was not copied: of which kind, which item, and why, or what to do about it."""

    part: str
    item: str
    why: str


@dataclass
class Report:
    """Counts by part and outcome, notes, and the applications with their ids here and there."""

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    notes_beyond: int = 0
    applications: list[dict[str, str]] = field(default_factory=list)

    def count(self, part: str, outcome: str, number: int = 1) -> None:
        """Counts one or several items of a part with this result."""
        if number:
            self.counts.setdefault(part, Counter())[outcome] += number

    def left(self, part: str, item: str, why: str) -> None:
        """Notes what could not be copied, and why, without a failure."""
        self.count(part, LEFT)
        self.note(part, item, why)

    def failed(self, part: str, item: str, why: str) -> None:
        """Notes what should have been copied, and was refused."""
        self.count(part, FAILED)
        self.note(part, item, why)

    def note(self, part: str, item: str, why: str) -> None:
        """Notes what the operator must know."""
        if len(self.notes) < MOST_NOTES:
            self.notes.append(Note(part, item, why))
        else:
            self.notes_beyond += 1

    @property
    def has_failures(self) -> bool:
        """Whether something was refused that should not have been."""
        return any(counts[FAILED] for counts in self.counts.values())

    def document(self) -> dict[str, Any]:
        """The report as JSON."""
        return {
            "parts": {part: dict(counts) for part, counts in self.counts.items()},
            "notes": [{"part": note.part, "item": note.item, "why": note.why} for note in self.notes],
            "furtherNotes": self.notes_beyond,
            "applications": self.applications,
        }
