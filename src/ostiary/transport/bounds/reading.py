"""Reading of the options that bound a field: the one for the check of requests and for the OpenAPI document."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from ostiary.transport.bounds.texts import TEXTS
from ostiary_api.options.v1 import rest_pb2 as rest

LIST = "google.protobuf.ListValue"
_INTEGERS = {
    FieldDescriptor.TYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.TYPE_INT64: (-(2**63), 2**63 - 1),
}


@dataclass(frozen=True, slots=True)
class Bounds:
    """The bounds of a field: of its texts in characters, of its numbers, of its lists and maps in items; None where
    there is none. `allowed` holds the options themselves.

    `declares_number` is false where `least` and `most` follow from the type alone.
    """

    allowed: rest.Allowed
    shortest: int | None
    longest: int | None
    least: int | float | None
    most: int | float | None
    fewest_items: int | None
    most_items: int | None
    declares_number: bool

    @property
    def required(self) -> bool:
        """Whether a request without the field is refused."""
        return self.allowed.required

    @property
    def values(self) -> tuple[str, ...]:
        """The only texts that are taken; empty where any is."""
        return tuple(self.allowed.values)


NO_BOUNDS = Bounds(rest.Allowed(), None, None, None, None, None, None, declares_number=False)


@cache
def bounds_of(field: FieldDescriptor) -> Bounds:
    """Returns the bounds of a field, as the proto declares them beside it."""
    allowed: rest.Allowed = field.GetOptions().Extensions[rest.allowed]
    shortest = _optional(allowed, "min_length")
    if shortest is None and allowed.required and not allowed.values and _is_one_text(field):
        shortest = 1  # a required text may not be empty
    least, most = _INTEGERS.get(field.type, (None, None))
    kind = TEXTS.get(allowed.text)
    return Bounds(
        allowed=allowed,
        shortest=shortest,
        longest=kind.longest if kind and kind.longest else _optional(allowed, "max_length"),
        least=_number(allowed.minimum) if allowed.HasField("minimum") else least,
        most=_number(allowed.maximum) if allowed.HasField("maximum") else most,
        fewest_items=_optional(allowed, "min_items"),
        most_items=_optional(allowed, "max_items"),
        declares_number=allowed.HasField("minimum") or allowed.HasField("maximum"),
    )


def fewest_fields(message: Descriptor) -> int:
    """Returns how many fields of a message a request must have; 0: none."""
    return int(message.GetOptions().Extensions[rest.fewest_fields])


def operation_checks(message: Descriptor) -> str:
    """Returns why the operation checks the bounds of a message itself; empty where the check of requests does."""
    return str(message.GetOptions().Extensions[rest.operation_checks])


def is_list_value(field: FieldDescriptor) -> bool:
    """Whether a field is a google.protobuf.ListValue: a list that can be absent."""
    return field.message_type is not None and field.message_type.full_name == LIST


def described_items(field: FieldDescriptor) -> Descriptor | None:
    """Returns the message that describes the items of a ListValue, which is in the package of the field; None where
    there is none. Raises KeyError for one that does not exist."""
    name, holder = bounds_of(field).allowed.items, field.containing_type
    if not name or holder is None:
        return None
    found: Descriptor = holder.file.pool.FindMessageTypeByName(f"{holder.file.package}.{name}")
    return found


def is_map(field: FieldDescriptor) -> bool:
    """Whether a field is a map."""
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)


def _is_one_text(field: FieldDescriptor) -> bool:
    return field.type == FieldDescriptor.TYPE_STRING and not field.is_repeated


def _optional(allowed: rest.Allowed, name: str) -> int | None:
    return int(getattr(allowed, name)) if allowed.HasField(name) else None  # type: ignore[arg-type]


def _number(value: float) -> int | float:
    return int(value) if value.is_integer() else value
