"""What the server files of a resource: its version and its address."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, false, true

from ostiary.scim.filters.grammar import bad_filter
from ostiary.scim.filters.nodes import EQUAL, NOT_EQUAL, PRESENT, Operand
from ostiary.scim.filters.sources import Condition

_MOST_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Version:
    """The number in an entity tag, `W/"7"`."""

    column: ColumnElement[int]

    def compared(self, name: str, operator: str, value: Operand) -> Condition:
        """Returns the condition, as `Source.compared` says."""
        digits = value.removeprefix("W/").strip('"') if isinstance(value, str) else ""
        known = digits.isdecimal() and digits.isascii() and len(digits) <= _MOST_DIGITS
        return _compared(name, operator, self.column == int(digits) if known else None)


@dataclass(frozen=True, slots=True)
class Location:
    """The URL of a resource: that of the list of its kind, and its id."""

    column: ColumnElement[str]
    url: str

    def compared(self, name: str, operator: str, value: Operand) -> Condition:
        """Returns the condition, as `Source.compared` says."""
        start = f"{self.url}/"
        mine = isinstance(value, str) and value.startswith(start)
        return _compared(name, operator, self.column == str(value).removeprefix(start) if mine else None)


def _compared(name: str, operator: str, same: Condition | None) -> Condition:
    if operator == PRESENT:
        return true()
    if operator not in (EQUAL, NOT_EQUAL):
        raise bad_filter(f"{name} is compared by eq, ne and pr")
    found = false() if same is None else same
    return found if operator == EQUAL else ~found
