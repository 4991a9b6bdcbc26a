"""Checks of fields: whether one was sent, how many items it has, and each of its values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from ostiary.transport.bounds.excess import Excess, missing, too_few, too_many
from ostiary.transport.bounds.reading import Bounds, bounds_of, is_map
from ostiary.transport.bounds.values import Check, number_check, text_check

Labelled = Iterable[tuple[str, Any]]
_NUMBERS = frozenset({
    FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_UINT32, FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_DOUBLE,
})  # fmt: skip


def scalar_check(field: FieldDescriptor, *, in_path: bool) -> Check | None:
    """Returns the check of the message that holds one text, number or switch; `in_path`: what is there is sent, even
    empty."""
    bounds, name, label = bounds_of(field), field.name, field.json_name
    value_check = single_check(field, bounds)
    if value_check is None and not bounds.required:
        return None
    absent, must_be_filled = _absence(field), bool(bounds.shortest or bounds.required)
    takes_empty = not must_be_filled and not (in_path and bounds.values)

    def check(message: Any) -> Excess | None:
        if absent is not None and absent(message):
            return missing(bounds).under(label) if bounds.required else None
        value = getattr(message, name)
        if value == "":
            if takes_empty:
                return None
            if absent is None and must_be_filled:
                return missing(bounds).under(label)
        excess = value_check(value) if value_check is not None else None
        return excess.under(label) if excess is not None else None

    return check


def single_check(field: FieldDescriptor, bounds: Bounds) -> Check | None:
    """Returns the check of one text or number of a field, wherever it is."""
    if field.type == FieldDescriptor.TYPE_STRING:
        return text_check(bounds)
    return number_check(bounds) if field.type in _NUMBERS else None


def items_check(field: FieldDescriptor, item_check: Check | None, items: Callable[[Any], Labelled]) -> Check | None:
    """Returns the check of the message that holds a list or a map; `items` gives each with the end of its path."""
    bounds, name, label = bounds_of(field), field.name, field.json_name
    fewest, most = bounds.fewest_items or 0, bounds.most_items
    if not fewest and most is None and item_check is None:
        return None

    def check(message: Any) -> Excess | None:
        held = getattr(message, name)
        number = len(held)
        if number < fewest:
            return too_few(bounds, number).under(label)
        if most is not None and number > most:
            return too_many(bounds, number).under(label)
        return _first(items(held), label, item_check) if number and item_check is not None else None

    return check


def _first(items: Labelled, label: str, item_check: Check) -> Excess | None:
    for place, item in items:
        excess = item_check(item)
        if excess is not None:
            excess.path[:0] = [label + place]
            return excess
    return None


def in_turn(items: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    """Yields the items of a list with the ends of their paths: `[0]`, `[1]`."""
    for place, item in enumerate(items):
        yield f"[{place}]", item


def by_key(items: Any) -> Iterator[tuple[str, Any]]:
    """Yields the values of a map with the ends of their paths."""
    for key in items:
        yield f".{key}", items[key]


def item_field(field: FieldDescriptor) -> FieldDescriptor:
    """Returns the field that describes one item of a list, or one value of a map."""
    entry = field.message_type
    value: FieldDescriptor = entry.fields_by_name["value"] if entry is not None and is_map(field) else field
    return value


def is_sent(message: Any, field: FieldDescriptor) -> bool:
    """Whether a request has a field, and no empty text in it."""
    value = getattr(message, field.name)
    return bool(message.HasField(field.name) and value != "") if field.has_presence else bool(value)


def _absence(field: FieldDescriptor) -> Callable[[Any], bool] | None:
    """Returns what says whether a field was left out; None where nobody can tell."""
    name = field.name
    return (lambda message: not message.HasField(name)) if field.has_presence else None
