"""Checks of google.protobuf.ListValue: lists that can be absent, whose items the options describe."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf import json_format, struct_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message_factory import GetMessageClass

from ostiary.transport.bounds.excess import Excess, beyond, missing
from ostiary.transport.bounds.fields import in_turn, items_check
from ostiary.transport.bounds.reading import Bounds, bounds_of, described_items
from ostiary.transport.bounds.values import Check, text_check

MessageCheck = Callable[[Descriptor], Check | None]


def list_value_check(field: FieldDescriptor, message_check: MessageCheck) -> Check | None:
    """Returns the check of the message that holds a ListValue; `message_check` gives that of a described item."""
    bounds, name, label = bounds_of(field), field.name, field.json_name
    each = _item_check(field, bounds, message_check)
    items = items_check(field, each, lambda held: in_turn(held.values))
    if items is None and not bounds.required:
        return None

    def check(message: Any) -> Excess | None:
        if not message.HasField(name):
            return missing(bounds).under(label) if bounds.required else None
        return items(message) if items is not None else None

    return check


def _item_check(field: FieldDescriptor, bounds: Bounds, message_check: MessageCheck) -> Check | None:
    if bounds.allowed.texts:
        return _text_check(bounds)
    message = described_items(field)
    if message is not None:
        return _described_check(bounds, message, message_check(message))
    return _kind_check(bounds, "struct_value", "an object") if bounds.allowed.objects else None


def _kind_check(bounds: Bounds, kind: str, said: str) -> Check:
    def check(item: struct_pb2.Value) -> Excess | None:
        return None if item.WhichOneof("kind") == kind else beyond(bounds, f"{{field}} must be {said}.")

    return check


def _text_check(bounds: Bounds) -> Check:
    is_text, right = _kind_check(bounds, "string_value", "a text"), text_check(bounds)

    def check(item: struct_pb2.Value) -> Excess | None:
        excess = is_text(item)
        if excess is not None or right is None:
            return excess
        text = item.string_value
        return right(text) if text or bounds.shortest else None

    return check


def _described_check(bounds: Bounds, message: Descriptor, right: Check | None) -> Check:
    """Returns the check of an object that a message describes, read as the gateway would read it."""
    read = GetMessageClass(message)
    said = f"an object with {', '.join(field.json_name for field in message.fields)}"
    is_object = _kind_check(bounds, "struct_value", said)

    def check(item: struct_pb2.Value) -> Excess | None:
        excess = is_object(item)
        if excess is not None:
            return excess
        try:
            document = json_format.MessageToDict(item)
            held = json_format.ParseDict(document, read(), ignore_unknown_fields=True)
        except json_format.ParseError:
            return beyond(bounds, f"{{field}} must be {said}.")
        return right(held) if right is not None else None

    return check
