"""Parts of a filter, as the grammar finds them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

Operand = str | bool | int | Decimal | None
PRESENT, EQUAL, NOT_EQUAL = "pr", "eq", "ne"
OPERATORS = frozenset({EQUAL, NOT_EQUAL, "co", "sw", "ew", "gt", "ge", "lt", "le", PRESENT})


@dataclass(frozen=True, slots=True)
class Name:
    """The name of an attribute as it is written: `urn:name.part`, of which the URN and the part may be missing."""

    urn: str
    name: str
    part: str = ""

    def __str__(self) -> str:
        below = f".{self.part}" if self.part else ""
        return f"{self.urn}:{self.name}{below}" if self.urn else f"{self.name}{below}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A comparison, `name operator value`; one with the operator `pr` has no value."""

    name: Name
    operator: str
    value: Operand = None


@dataclass(frozen=True, slots=True)
class Joined:
    """Terms of which all must hold where they are joined by `and`, or one where by `or`."""

    every: bool
    terms: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Negated:
    """The negation of a term, `not (term)`: it holds where the term does not."""

    term: Node


@dataclass(frozen=True, slots=True)
class OneEntry:
    """A condition on a list, `name[condition]`: one entry of the list must fulfil all of it."""

    name: Name
    condition: Node


Node = Comparison | Joined | Negated | OneEntry


@dataclass(frozen=True, slots=True)
class PatchPath:
    """The path of a PATCH operation: `name`, `name[condition]` or `name[condition].part`."""

    name: Name
    condition: Node | None = None
    part: str = ""
