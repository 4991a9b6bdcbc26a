"""Contradictions in the options that bound fields. The server does not start with one."""

from __future__ import annotations

from collections.abc import Iterator

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from ostiary.transport.bounds.fields import item_field
from ostiary.transport.bounds.patterns import pattern_faults
from ostiary.transport.bounds.reading import Bounds, bounds_of, described_items, is_list_value, operation_checks
from ostiary.transport.bounds.texts import FORMATS


def bounds_faults(message: Descriptor, seen: set[str] | None = None) -> Iterator[str]:
    """Yields what is wrong with the bounds of a request and of all messages in it."""
    seen = set() if seen is None else seen
    if message.full_name in seen or message.full_name.startswith("google.") or operation_checks(message):
        return
    seen.add(message.full_name)
    for field in message.fields:
        bounds = bounds_of(field)
        if bounds.allowed.operation_checks or bounds.allowed.read_only:
            continue
        yield from (f"{field.full_name}: {fault}" for fault in _faults(field, bounds))
        if field.message_type is not None:
            yield from bounds_faults(field.message_type, seen)


def _faults(field: FieldDescriptor, bounds: Bounds) -> Iterator[str]:
    allowed = bounds.allowed
    if allowed.pattern:
        yield from pattern_faults(allowed.pattern)
    if allowed.format and allowed.format not in FORMATS:
        yield f"the format {allowed.format} cannot be checked; say in operation_checks that the operation does"
    plain = not field.has_presence and not field.is_repeated
    if bounds.required and plain and field.type != FieldDescriptor.TYPE_STRING:
        yield "a required switch or number must be optional: else nobody can tell false or 0 from left out"
    if bounds.declares_number and plain:
        yield "a number with bounds must be optional: else nobody can tell 0 from left out"
    if bounds.required and field.containing_oneof is not None and len(field.containing_oneof.fields) > 1:
        yield "one of several cannot be required"
    if (
        _texts_are_bounded(bounds)
        and item_field(field).type != FieldDescriptor.TYPE_STRING
        and not is_list_value(field)
    ):
        yield "bounds of texts are on what is no text"
    if allowed.items and described_items(field) is None:
        yield f"its items are described by {allowed.items}, which does not exist"
    unknown = [name for name in allowed.requires if name not in _names(field)]
    if unknown:
        yield f"requires names {', '.join(unknown)}, which it has not"


def _texts_are_bounded(bounds: Bounds) -> bool:
    allowed = bounds.allowed
    return bool(bounds.longest is not None or allowed.pattern or allowed.format or allowed.values or allowed.text)


def _names(field: FieldDescriptor) -> set[str]:
    return set(field.message_type.fields_by_name) if field.message_type is not None else set()
