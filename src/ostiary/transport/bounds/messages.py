"""Checks of messages: all bounds of a request in one function, made from the descriptors once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from ostiary.transport.bounds.excess import MISSING, Excess, missing
from ostiary.transport.bounds.fields import (
    by_key,
    in_turn,
    is_sent,
    item_field,
    items_check,
    scalar_check,
    single_check,
)
from ostiary.transport.bounds.lists import list_value_check
from ostiary.transport.bounds.reading import (
    NO_BOUNDS,
    bounds_of,
    fewest_fields,
    is_list_value,
    is_map,
    operation_checks,
)
from ostiary.transport.bounds.values import Check

_GOOGLES = "google."


class Checks:
    """The checks of messages, each made once."""

    def __init__(self) -> None:
        self._made: dict[str, Check | None] = {}

    def request(self, message: Descriptor, in_path: Collection[str], body: str) -> Check | None:
        """Returns the check of a request; None where the proto bounds nothing.

        `in_path` are the fields that the path holds, `body` is the one that the body is: without one it counts as
        empty, and paths in errors begin below it.
        """
        if operation_checks(message):
            return None
        checks = [self._field(field, field.name in in_path, is_body=field.name == body) for field in message.fields]
        return _all([check for check in checks if check is not None])

    def body(self, field: FieldDescriptor) -> Check | None:
        """Returns the check of a request's body alone; paths in errors begin below it."""
        return self._field(field, is_body=True)

    def message(self, message: Descriptor) -> Check | None:
        """Returns the check of any other message."""
        name = message.full_name
        if name.startswith(_GOOGLES) or operation_checks(message):
            return None
        if name not in self._made:
            self._made[name] = lambda held: self._late(name, held)  # it may hold itself
            checks = [self._field(field) for field in message.fields]
            fewest = fewest_fields(message)
            counted = [_fewest_check(message, fewest)] if fewest else []
            self._made[name] = _all([*counted, *(check for check in checks if check is not None)])
        return self._made[name]

    def _late(self, name: str, held: Any) -> Excess | None:
        check = self._made[name]
        return check(held) if check is not None else None

    def _field(self, field: FieldDescriptor, in_path: bool = False, *, is_body: bool = False) -> Check | None:
        bounds = bounds_of(field)
        if bounds.allowed.read_only or bounds.allowed.operation_checks:
            return None
        if is_map(field) or field.is_repeated:
            item = item_field(field)
            each = single_check(item, bounds) if item.message_type is None else self.message(item.message_type)
            return items_check(field, each, by_key if is_map(field) else in_turn)
        if is_list_value(field):
            return list_value_check(field, self.message)
        if field.message_type is not None:
            return self._part(field, field.message_type, is_body=is_body)
        return scalar_check(field, in_path=in_path)

    def _part(self, field: FieldDescriptor, part: Descriptor, *, is_body: bool) -> Check | None:
        """Returns the check of the message that holds a message."""
        inner, there = self.message(part), _required_there(field, part)
        whole = _all([check for check in (there, inner) if check is not None])
        bounds, name, label = bounds_of(field), field.name, field.json_name
        if is_body:
            return None if whole is None else lambda message: whole(getattr(message, name))
        if whole is None and not bounds.required:
            return None

        def check(message: Any) -> Excess | None:
            if not message.HasField(name):
                return missing(bounds).under(label) if bounds.required else None
            excess = whole(getattr(message, name)) if whole is not None else None
            return excess.under(label) if excess is not None else None

        return check


def check_by_operation(message: Descriptor) -> Callable[[Any], None]:
    """Returns what raises the refusal of a message beyond its bounds, for an operation that itself decides who may call
    it: the proto says operation_checks where the message is held, and the operation checks it behind that decision."""
    return _raising(Checks().message(message))


def check_body(request: Descriptor, body: str, names: Mapping[str, str]) -> Callable[[Any], None]:
    """Returns what raises the refusal of a request whose field `body` is beyond its bounds, for an operation that reads
    that body itself, in another language: `names` are the words of that language for fields of the body, by their JSON
    names."""
    return _raising(Checks().body(request.fields_by_name[body]), names)


def _raising(excess_of: Check | None, names: Mapping[str, str] = MappingProxyType({})) -> Callable[[Any], None]:
    def check(held: Any) -> None:
        excess = excess_of(held) if excess_of is not None else None
        if excess is not None:
            excess.path[:1] = [names.get(name, name) for name in excess.path[:1]]
            raise excess.error()

    return check


def _all(checks: list[Check]) -> Check | None:
    if len(checks) < 2:
        return checks[0] if checks else None
    flat = tuple(checks)

    def check(message: Any) -> Excess | None:
        for one in flat:
            excess = one(message)
            if excess is not None:
                return excess
        return None

    return check


def _required_there(field: FieldDescriptor, part: Descriptor) -> Check | None:
    """Returns the check of the fields that a message needs at this place only; the place says how they are missed."""
    place = bounds_of(field)
    fields = [part.fields_by_name[name] for name in place.allowed.requires]

    def check(message: Any) -> Excess | None:
        for one in fields:
            if not is_sent(message, one):
                return missing(place if place.allowed.HasField("missing") else bounds_of(one)).under(one.json_name)
        return None

    return check if fields else None


def _fewest_check(message: Descriptor, fewest: int) -> Check:
    names = ", ".join(field.json_name for field in message.fields)

    def check(held: Any) -> Excess | None:
        if len(held.ListFields()) >= fewest:
            return None
        return Excess(NO_BOUNDS, NO_BOUNDS.allowed.missing, MISSING, f"{fewest} or more of {names} must be given.")

    return check
