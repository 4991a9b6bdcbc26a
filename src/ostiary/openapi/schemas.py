"""Messages as JSON Schema (2020-12), as the gateway reads and writes them (ProtoJSON)."""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from identity.options.v1 import rest_pb2 as rest
from ostiary.openapi.comments import Comments

Schema = dict[str, Any]


class DescriptionError(Exception):
    """A proto says too little, or something impossible, about what REST clients send and get."""


class Shape(Enum):
    """Who writes a message as JSON: the client; the gateway from the message; our code, as the message describes it."""

    REQUEST = "request"
    RESPONSE = "response"
    BODY = "described body of an answer"


_INTEGERS = {
    FieldDescriptor.TYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_UINT32: (0, 2**32 - 1),
}
_TYPES: dict[int, Schema] = {
    FieldDescriptor.TYPE_STRING: {"type": "string"},
    FieldDescriptor.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.TYPE_DOUBLE: {"type": "number"},
    FieldDescriptor.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
    FieldDescriptor.TYPE_INT32: {"type": "integer", "format": "int32"},
    FieldDescriptor.TYPE_UINT32: {"type": "integer", "format": "uint32"},
}
_WELL_KNOWN: dict[str, Schema] = {
    "google.protobuf.Struct": {"type": "object"},
    "google.protobuf.Value": {},
    "google.protobuf.ListValue": {"type": "array"},
    "google.protobuf.Empty": {"type": "object"},
}


class Schemas:
    """The schemas of messages, kept in `components` as they are asked for."""

    def __init__(self, comments: Comments) -> None:
        self._comments = comments
        self._shapes: dict[str, Shape] = {}
        self.components: dict[str, Schema] = {}

    def of(self, message: Descriptor, shape: Shape, without: Collection[str] = ()) -> Schema:
        """A reference to the schema of a message, but for the fields `without`, which stand elsewhere in the request.

        Raises DescriptionError where one name would mean two things.
        """
        if message.full_name in _WELL_KNOWN:
            return dict(_WELL_KNOWN[message.full_name])
        name = message.full_name.removeprefix("identity.") + ("Input" if shape is Shape.REQUEST else "")
        if name not in self.components:
            self._shapes[name] = shape
            self.components[name] = {}  # a message may hold itself
            self.components[name] = self._object(message, shape, without)
        if self._shapes[name] is not shape:
            raise DescriptionError(
                f"{message.full_name} is a {shape.value} here and a {self._shapes[name].value} there"
            )
        return {"$ref": f"#/components/schemas/{name}"}

    def field(self, field: FieldDescriptor, shape: Shape) -> Schema:
        """The schema of a field, with its comment."""
        described = self.value(field, shape)
        comment = self._comments.of(field.full_name)
        return {**described, **({"description": comment} if comment else {})}

    def value(self, field: FieldDescriptor, shape: Shape) -> Schema:
        """The schema of what a field may hold."""
        allowed = allowed_of(field)
        entry = field.message_type
        if entry is not None and entry.GetOptions().map_entry:
            values = self.value(entry.fields_by_name["value"], shape)
            most = _given(maxProperties=_optional(allowed, "max_items"))
            return {"type": "object", "additionalProperties": values, **most}
        single = self._single(field, shape)
        if field.message_type is None:
            single |= _bounds(field, allowed, shape)
        if not field.is_repeated:
            return single
        items = _given(minItems=_optional(allowed, "min_items"), maxItems=_optional(allowed, "max_items"))
        return {"type": "array", "items": single, **items}

    def _single(self, field: FieldDescriptor, shape: Shape) -> Schema:
        if field.message_type is not None:
            return self.of(field.message_type, shape)
        if field.enum_type is not None:
            return {"type": "string", "enum": [value.name for value in field.enum_type.values]}
        if field.type not in _TYPES:
            raise DescriptionError(f"{field.full_name}: JSON writes this type as text; use int32, uint32 or double")
        return dict(_TYPES[field.type])

    def _object(self, message: Descriptor, shape: Shape, without: Collection[str]) -> Schema:
        fields = [field for field in message.fields if _is_there(field, shape) and field.name not in without]
        required = [field.json_name for field in fields if is_required(field, shape)]
        return {
            "type": "object",
            "description": self._comments.of(message.full_name),
            "properties": {field.json_name: self.field(field, shape) for field in fields},
            **({"required": required} if required else {}),
        }


def allowed_of(field: FieldDescriptor) -> rest.Allowed:
    """What the proto says that a field may hold."""
    allowed: rest.Allowed = field.GetOptions().Extensions[rest.allowed]
    return allowed


def is_required(field: FieldDescriptor, shape: Shape) -> bool:
    """Whether JSON without it is refused, or never answered.

    The gateway writes all that cannot be absent, even when it is empty; our code leaves lists out. Requests must say.
    """
    if shape is Shape.RESPONSE:
        return not field.has_presence
    always = shape is Shape.BODY and not field.has_presence and not field.is_repeated
    return always or allowed_of(field).required


def _is_there(field: FieldDescriptor, shape: Shape) -> bool:
    allowed = allowed_of(field)
    return not (allowed.read_only if shape is Shape.REQUEST else allowed.write_only)


def _bounds(field: FieldDescriptor, allowed: rest.Allowed, shape: Shape) -> Schema:
    lowest, highest = _INTEGERS.get(field.type, (None, None)) if shape is Shape.REQUEST else (None, None)
    least = _number(allowed.minimum) if allowed.HasField("minimum") else lowest
    most = _number(allowed.maximum) if allowed.HasField("maximum") else highest
    shortest = _optional(allowed, "min_length")
    if allowed.required and shortest is None and field.type == FieldDescriptor.TYPE_STRING and shape is Shape.REQUEST:
        shortest = 1  # a required text may not be empty
    return _given(
        minLength=shortest, maxLength=_optional(allowed, "max_length"), pattern=allowed.pattern or None,
        format=allowed.format or None, enum=list(allowed.values) or None, minimum=least, maximum=most,
    )  # fmt: skip


def _optional(allowed: rest.Allowed, name: str) -> int | None:
    return int(getattr(allowed, name)) if allowed.HasField(name) else None  # type: ignore[arg-type]


def _number(value: float) -> int | float:
    return int(value) if value.is_integer() else value


def _given(**keywords: Any) -> Schema:
    return {name: value for name, value in keywords.items() if value is not None}
