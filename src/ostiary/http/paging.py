"""Pages of lists: one form for all dialects, each of which says by its own names, and within its own bounds, which page
it wants (`transport.dialects`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list: at most `size` entries from `start` on, which counts from 1.

    `asked` is what the client said, by the dialect's names, where the answer repeats it.
    """

    start: int
    size: int
    asked: Mapping[str, int] = field(default_factory=dict)

    @property
    def offset(self) -> int:
        """The number of entries before the page."""
        return self.start - 1

    def pages(self, total: int) -> int:
        """Returns the number of pages of this size that `total` entries fill; 0 where a page has no entries."""
        return -(-total // self.size) if self.size else 0

    def next_start(self, total: int) -> int | None:
        """Returns where the next page begins; None where this is the last of `total` entries."""
        following = self.start + self.size
        return following if following <= total else None

    @property
    def previous_start(self) -> int | None:
        """Start of the page before; None if this is the first."""
        return max(1, self.start - self.size) if self.start > 1 else None
