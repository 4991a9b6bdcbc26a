"""A filter as a condition in SQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import ColumnElement, and_, false, func, not_, or_

from ostiary.scim.filters.grammar import bad_filter
from ostiary.scim.filters.nodes import Comparison, Joined, Name, Negated, Node, OneEntry
from ostiary.scim.filters.sources import Condition, Entries, Source
from ostiary.scim.schema.attributes import Place, ResourceKind


class Searched(Protocol):
    """The resources of one kind, as one caller searches them."""

    @property
    def kind(self) -> ResourceKind:
        """The kind of the resources."""
        ...

    def source(self, place: Place) -> Source | None:
        """Where an attribute, or a part of one, is found; None for one that cannot be searched."""
        ...

    def sort_key(self, place: Place) -> ColumnElement[Any] | None:
        """The value of a list by which resources are sorted: the primary one; None for what is no such list."""
        ...


def condition_of(node: Node, searched: Searched, others: Sequence[ResourceKind] = ()) -> Condition:
    """The condition that a filter means; raises INVALID_FILTER.

    An attribute that only `others` have is compared with nothing, which is false (RFC 7644 §3.4.2.1).
    """
    return _condition(node, _of_resource(searched, others))


def _condition(node: Node, compare: Callable[[Comparison | OneEntry], Condition]) -> Condition:
    match node:
        case Joined(every=every, terms=terms):
            conditions = [_condition(term, compare) for term in terms]
            return and_(*conditions) if every else or_(*conditions)
        case Negated(term=term):
            # What is compared with nothing is NULL, and so is its opposite: here it is neither, it is false.
            return not_(func.coalesce(_condition(term, compare), false()))
        case _:
            return compare(node)


def _of_resource(
    searched: Searched, others: Sequence[ResourceKind]
) -> Callable[[Comparison | OneEntry], Condition]:  # fmt: skip
    def compare(node: Comparison | OneEntry) -> Condition:
        if not _knows(searched.kind, node.name) and any(_knows(other, node.name) for other in others):
            return false()
        place = found_place(searched.kind, node.name)
        source = searched.source(place)
        if source is None:
            raise bad_filter(f"{node.name} cannot be searched")
        if isinstance(node, Comparison):
            return source.compared(str(node.name), node.operator, node.value)
        if not isinstance(source, Entries):
            raise bad_filter(f"{node.name} is no list, behind which brackets could stand")
        return source.having(_condition(node.condition, _OfEntry(str(node.name), source.parts)))

    return compare


@dataclass(frozen=True, slots=True)
class _OfEntry:
    """Comparisons of the parts of one entry."""

    list: str
    parts: Mapping[str, Source]

    def __call__(self, node: Comparison | OneEntry) -> Condition:
        source = None if node.name.urn or node.name.part else self.parts.get(node.name.name.lower())
        if source is None or isinstance(node, OneEntry):
            raise bad_filter(f"in the brackets behind {self.list} only {', '.join(self.parts)} can be compared")
        return source.compared(str(node.name), node.operator, node.value)


def _knows(kind: ResourceKind, name: Name) -> bool:
    return kind.find(name.urn, name.name, name.part) is not None


def found_place(kind: ResourceKind, name: Name) -> Place:
    """Where a name leads in a resource of a kind; raises INVALID_FILTER for one that nobody knows, or may know."""
    place = kind.find(name.urn, name.name, name.part)
    if place is None or (place.leaf is not None and place.leaf.returned == "never"):
        raise bad_filter(f"a {kind.name} has no attribute {name} by which it could be found")
    return place
