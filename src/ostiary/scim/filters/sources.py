"""Sources of what a filter compares: columns, rows of other tables, and members of stored JSON, each as SQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from sqlalchemy import ColumnElement, and_, false, not_, or_, true

from ostiary.names import folded
from ostiary.scim.filters.grammar import bad_filter
from ostiary.scim.filters.nodes import EQUAL, NOT_EQUAL, PRESENT, Operand
from ostiary.store.comparing import contains, ends_with, starts_with

Condition = ColumnElement[bool]
_ORDERS: Mapping[str, Callable[[Any, Any], Any]] = {
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
}


class Source(Protocol):
    """Interface of what a filter can compare: a column, rows of another table, a member of stored JSON."""

    def compared(self, name: str, operator: str, value: Operand) -> Condition:
        """Returns the condition; raises INVALID_FILTER for a value or an operator that does not fit. `name` is for the
        message."""
        ...


def exactly(text: str) -> str:
    """Returns a text whose case counts in the form in which it is compared: as it is."""
    return text


def of_null(source: Source, name: str, operator: str) -> Condition:
    """Compares with null, which is no value (RFC 7643 §2.5): `eq null` is the opposite of `pr`, `ne null` the same."""
    if operator not in (EQUAL, NOT_EQUAL):
        raise bad_filter(f"{name} can be compared with null by eq and ne only")
    present = source.compared(name, PRESENT, None)
    return present if operator == NOT_EQUAL else not_(present)


@dataclass(frozen=True, slots=True)
class Text:
    """A text in compared form; absent where it is NULL, or empty.

    `key` makes the compared form of a whole value, `part` that of a part of one.
    """

    column: ColumnElement[str]
    key: Callable[[str], str] = folded
    part: Callable[[str], str] = folded
    nullable: bool = False

    def compared(self, name: str, operator: str, value: Operand) -> Condition:
        """Returns the condition, as `Source.compared` says."""
        if operator == PRESENT:
            return self.column.is_not(None) if self.nullable else self.column != ""
        if value is None:
            return of_null(self, name, operator)
        if not isinstance(value, str):
            raise bad_filter(f"{name} is compared with a text in quotation marks")
        if operator in (EQUAL, NOT_EQUAL):
            return self._same(self.key(value), equal=operator == EQUAL)
        return and_(self.compared(name, PRESENT, None), self._beside(operator, self.part(value)))

    def _same(self, key: str, *, equal: bool) -> Condition:
        if equal:
            return self.column == key
        return or_(self.column.is_(None), self.column != key) if self.nullable else self.column != key

    def _beside(self, operator: str, part: str) -> Condition:
        if operator in _ORDERS:
            condition: Condition = _ORDERS[operator](self.column, part)
            return condition
        if operator == "sw":
            return starts_with(self.column, part)
        if operator == "co":
            return contains(self.column, part)
        return ends_with(self.column, part) if part else true()


@dataclass(frozen=True, slots=True)
class Flag:
    """A column that is true or false."""

    column: ColumnElement[bool]

    def compared(self, name: str, operator: str, value: Operand) -> Condition:
        """Returns the condition, as `Source.compared` says. Clients also write `"True"`, which is true."""
        if operator == PRESENT:
            return true()
        if value is None:
            return of_null(self, name, operator)
        wanted = as_flag(value)
        if wanted is None or operator not in (EQUAL, NOT_EQUAL):
            raise bad_filter(f"{name} is compared with true or false, by eq or ne")
        return self.column == (wanted if operator == EQUAL else not wanted)


def as_flag(value: object) -> bool | None:
    """Returns a value as true or false; None for what is neither."""
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value.lower()) if isinstance(value, str) else None


@dataclass(frozen=True, slots=True)
class Moment:
    """A column that holds a time in UTC milliseconds."""

    column: ColumnElement[int]

    def compared(self, name: str, operator: str, value: Operand) -> Condition:
        """Returns the condition, as `Source.compared` says. A time more exact than a millisecond lies between two
        of them."""
        if operator == PRESENT:
            return true()
        if value is None:
            return of_null(self, name, operator)
        at = milliseconds(value) if isinstance(value, str) else None
        if at is None:
            raise bad_filter(f'{name} is compared with a time such as "2026-01-31T08:30:00Z"')
        if operator in (EQUAL, NOT_EQUAL):
            same = self.column == int(at) if at == int(at) else false()
            return same if operator == EQUAL else not_(same)
        if operator not in _ORDERS:
            raise bad_filter(f"{operator} compares texts, and {name} is a time")
        # Of whole numbers: x > 1.5 is x > 1, x >= 1.5 is x >= 2.
        bound = int(at // 1) if operator in ("gt", "le") else -int(-at // 1)
        condition: Condition = _ORDERS[operator](self.column, bound)
        return condition


def milliseconds(text: str) -> Decimal | None:
    """Returns a time of RFC 3339 in milliseconds since 1970; None for what is none. Without a zone it is UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=_UTC)
    past = zoned - _EPOCH
    return Decimal((past.days * 86_400 + past.seconds) * 1_000) + Decimal(past.microseconds) / 1_000


_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_UTC = _EPOCH.tzinfo


@dataclass(frozen=True, slots=True)
class Constant:
    """A text that is the same in every resource of a kind, or in none."""

    value: str

    def compared(self, name: str, operator: str, value: Operand) -> Condition:
        """Returns the condition, as `Source.compared` says."""
        if operator == PRESENT:
            return true() if self.value else false()
        if not isinstance(value, str):
            raise bad_filter(f"{name} is compared with a text in quotation marks")
        mine, other = folded(self.value), folded(value)
        found = {
            EQUAL: mine == other, NOT_EQUAL: mine != other, "co": other in mine, "sw": mine.startswith(other),
            "ew": mine.endswith(other), "gt": mine > other, "ge": mine >= other, "lt": mine < other,
            "le": mine <= other,
        }[operator]  # fmt: skip
        return true() if found else false()


@dataclass(frozen=True, slots=True)
class Entries:
    """A list: `having` says that one of its entries fulfils a condition on its `parts`."""

    parts: Mapping[str, Source]
    having: Callable[[Condition], Condition]
    single: bool = False
    """Whether there is one entry at most, so that `ne` also means those who have none."""

    def compared(self, name: str, operator: str, value: Operand) -> Condition:
        """Compares the `value` of each entry (RFC 7644 §3.4.2.2)."""
        if operator == PRESENT:
            return self.having(true())
        if value is None:
            return of_null(self, name, operator)
        source = self.parts.get("value")
        if source is None:
            raise bad_filter(f"name a part of {name}: {', '.join(self.parts)}")
        if self.single and operator == NOT_EQUAL:
            return not_(self.having(source.compared(name, EQUAL, value)))
        return self.having(source.compared(name, operator, value))
