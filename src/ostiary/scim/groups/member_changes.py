"""Changes of the members of a group in a PATCH, told apart from all others: they are made without reading who is in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ostiary.errors import invalid
from ostiary.scim.filters.nodes import Comparison, Joined, Node
from ostiary.scim.groups.document import member_ids
from ostiary.scim.patch import ADD, REMOVE, REPLACE, Operation, read_only
from ostiary.scim.schema.attributes import GROUPS
from ostiary.scim.schema.values import taken

_MEMBERS = GROUPS.attributes["members"]
_PREFIX = f"{GROUPS.schema.lower()}:"
MAX_MEMBERS = 10_000
"""Members that one request names at most."""


@dataclass(frozen=True, slots=True)
class MemberChange:
    """Members that come (`add`), go (`remove`), or take the place of all others (`replace`)."""

    verb: str
    ids: Sequence[str]


Inside = Callable[[Node], Sequence[str]]
"""Finds the ids of those members that fulfil a condition: only asked where the condition does not name them."""


def part_members(operations: Iterable[Operation]) -> tuple[list[Operation], list[Operation]]:
    """The operations on members, and all others, which stay in their order. Raises READ_ONLY, INVALID_PATH."""
    of_members: list[Operation] = []
    others: list[Operation] = []
    for operation in operations:
        if operation.path is not None:
            (of_members if _is_members(str(operation.path.name)) else others).append(operation)
            continue
        # The value names the attributes.
        rest = {name: value for name, value in operation.value.items() if not _is_members(name)}
        named = [value for name, value in operation.value.items() if _is_members(name)]
        of_members += [Operation(operation.verb, None, value) for value in named]
        if rest:
            others.append(Operation(operation.verb, None, rest))
    return of_members, others


def _is_members(name: str) -> bool:
    attribute = name.lower().removeprefix(_PREFIX)
    return attribute == "members" or attribute.startswith("members.")


def member_changes(operations: Iterable[Operation], inside: Inside) -> list[MemberChange]:
    """What the operations on members do, in their order; adds in a row are one. Raises INVALID_RESOURCE, NO_TARGET."""
    changes: list[MemberChange] = []
    for operation in operations:
        for change in _changes(operation, inside):
            if changes and change.verb == changes[-1].verb and change.verb != REPLACE:
                change = MemberChange(change.verb, [*changes.pop().ids, *change.ids])
            changes.append(change)
    return changes


def _changes(operation: Operation, inside: Inside) -> list[MemberChange]:
    path = operation.path
    if path is not None and (path.name.part or path.part):
        raise read_only(path.part or path.name.part)
    sent = _ids(operation.value)
    if path is None or path.condition is None:
        gone_all = operation.verb == REMOVE and not sent
        return [MemberChange(REPLACE if gone_all else operation.verb, sent)]
    named = _named(path.condition)
    chosen = inside(path.condition) if named is None else named
    if operation.verb == ADD:
        return [MemberChange(ADD, sent)]
    return [MemberChange(REMOVE, chosen), *([MemberChange(ADD, sent)] if operation.verb == REPLACE else [])]


def _ids(value: Any) -> list[str]:
    ids = member_ids(taken(_MEMBERS, value, lenient=True) or ())
    if "" in ids:
        raise invalid("INVALID_RESOURCE", "A member has a value: the id of a user or group.", scim_type="invalidValue")
    if len(ids) > MAX_MEMBERS:
        message = f"One request names at most {MAX_MEMBERS} members; send the others in another one."
        raise invalid("TOO_MANY_MEMBERS", message, scim_type="tooMany")
    return ids


def _named(condition: Node) -> list[str] | None:
    """The ids of `value eq "…"`, one or several with or between them; None for any other condition."""
    match condition:
        case Comparison(operator="eq", value=str(value)) if str(condition.name).lower() == "value":
            return member_ids([{"value": value}])
        case Joined(every=False, terms=terms):
            found = [_named(term) for term in terms]
            return None if None in found else [each for ids in found for each in ids or ()]
        case _:
            return None
