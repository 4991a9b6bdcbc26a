"""Parts of a filter, as the grammar finds them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

Operand = str | bool | int | Decimal | None
PRESENT, EQUAL, NOT_EQUAL = "pr", "eq", "ne"
OPERATORS = frozenset({EQUAL, NOT_EQUAL, "co", "sw", "ew", "gt", "ge", "lt", "le", PRESENT})


@dataclass(frozen=True, slots=True)
class Name:
    """The name of an attribute as it is written: `urn:name.part`."""

    urn: str
    name: str
    part: str = ""

    def __str__(self) -> str:
        below = f".{self.part}" if self.part else ""
        return f"{self.urn}:{self.name}{below}" if self.urn else f"{self.name}{below}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """`name operator value`; `name pr` has no value."""

    name: Name
    operator: str
    value: Operand = None


@dataclass(frozen=True, slots=True)
class Joined:
    """Terms of which all must hold (`and`) or one (`or`)."""

    every: bool
    terms: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Negated:
    """`not (term)`."""

    term: Node


@dataclass(frozen=True, slots=True)
class OneEntry:
    """`name[condition]`: one entry of the list must fulfil all of the condition."""

    name: Name
    condition: Node


Node = Comparison | Joined | Negated | OneEntry


@dataclass(frozen=True, slots=True)
class PatchPath:
    """The path of a PATCH operation: `name`, `name[condition]` or `name[condition].part`."""

    name: Name
    condition: Node | None = None
    part: str = ""
