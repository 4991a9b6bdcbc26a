"""A condition on the entries of a list, asked of one resource: for the paths of PATCH (RFC 7644 §3.5.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ostiary.names import folded
from ostiary.scim.filters.grammar import bad_filter
from ostiary.scim.filters.nodes import EQUAL, NOT_EQUAL, PRESENT, Comparison, Joined, Negated, Node
from ostiary.scim.filters.sources import as_flag
from ostiary.scim.schema.attributes import Attribute


def fulfils(entry: Mapping[str, Any], node: Node, parts: Mapping[str, Attribute]) -> bool:
    """Whether an entry of a list fulfils a condition on its `parts`; raises INVALID_FILTER."""
    match node:
        case Joined(every=every, terms=terms):
            found = [fulfils(entry, term, parts) for term in terms]
            return all(found) if every else any(found)
        case Negated(term=term):
            return not fulfils(entry, term, parts)
        case Comparison():
            return _compares(entry, node, parts)
        case _:
            raise bad_filter("square brackets cannot be inside of square brackets")


def _compares(entry: Mapping[str, Any], node: Comparison, parts: Mapping[str, Attribute]) -> bool:
    attribute = None if node.name.urn or node.name.part else parts.get(node.name.name.lower())
    if attribute is None:
        raise bad_filter(f"in the brackets only {', '.join(parts)} can be compared")
    held = entry.get(attribute.name)
    if attribute.type == "boolean":
        held = bool(held)  # no entry is primary unless it says so
    if node.operator == PRESENT:
        return held is not None
    if node.value is None or held is None:
        return (held is node.value) == (node.operator == EQUAL) if node.operator in (EQUAL, NOT_EQUAL) else False
    return _holds(attribute, held, node)


def _holds(attribute: Attribute, held: Any, node: Comparison) -> bool:
    if attribute.type == "boolean":
        wanted = as_flag(node.value)
        if wanted is None or node.operator not in (EQUAL, NOT_EQUAL):
            raise bad_filter(f"{attribute.name} is compared with true or false, by eq or ne")
        return (held is wanted) == (node.operator == EQUAL)
    if not isinstance(node.value, str):
        raise bad_filter(f"{attribute.name} is compared with a text in quotation marks")
    one, other = (str(held), node.value) if attribute.case_exact else (folded(str(held)), folded(node.value))
    return {
        EQUAL: one == other, NOT_EQUAL: one != other, "co": other in one, "sw": one.startswith(other),
        "ew": one.endswith(other), "gt": one > other, "ge": one >= other, "lt": one < other, "le": one <= other,
    }[node.operator]  # fmt: skip


def implied(node: Node, parts: Mapping[str, Attribute]) -> dict[str, Any] | None:
    """The entry that a condition describes, if it consists of `eq` and `and` alone; None for any other.

    `emails[type eq "work"].value` of a user without such an address makes one of this type.
    """
    match node:
        case Joined(every=True, terms=terms):
            found: dict[str, Any] = {}
            for term in terms:
                below = implied(term, parts)
                if below is None:
                    return None
                found.update(below)
            return found
        case Comparison(operator="eq"):
            attribute = parts.get(node.name.name.lower())
            if attribute is None or node.value is None:
                return None
            value = as_flag(node.value) if attribute.type == "boolean" else node.value
            return {attribute.name: value}
        case _:
            return None
