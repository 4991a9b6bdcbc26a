"""Messages as JSON Schema (2020-12), as the gateway reads and writes them (ProtoJSON)."""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from ostiary.openapi.bounds import allowed_of, count_bounds, value_bounds
from ostiary.openapi.comments import Comments
from ostiary.transport.bounds.reading import described_items, fewest_fields

Schema = dict[str, Any]


class DescriptionError(Exception):
    """A proto says too little, or something impossible, about what REST clients send and get."""


class Shape(Enum):
    """The writer of a message's JSON: the client; the gateway from the message; our code, as the message describes
    it."""

    REQUEST = "request"
    RESPONSE = "response"
    BODY = "described body of an answer"


LIST = "google.protobuf.ListValue"
FILE: Schema = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}
"""A part of a multipart form: the bytes as they are."""
_TYPES: dict[int, Schema] = {
    FieldDescriptor.TYPE_STRING: {"type": "string"},
    FieldDescriptor.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.TYPE_DOUBLE: {"type": "number"},
    FieldDescriptor.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
    FieldDescriptor.TYPE_INT32: {"type": "integer", "format": "int32"},
    FieldDescriptor.TYPE_UINT32: {"type": "integer", "format": "uint32"},
}
_SENT: dict[int, Schema] = {**_TYPES, FieldDescriptor.TYPE_INT64: {"type": "integer", "format": "int64"}}
"""The types that clients may send: a long number as number or as text; answers have it as text only."""
_WELL_KNOWN: dict[str, Schema] = {
    "google.protobuf.Struct": {"type": "object"},
    "google.protobuf.Value": {},
    LIST: {"type": "array"},
    "google.protobuf.Empty": {"type": "object"},
}


class Schemas:
    """The schemas of messages, kept in `components` as they are asked for."""

    def __init__(self, comments: Comments) -> None:
        self._comments = comments
        self._shapes: dict[str, Shape] = {}
        self.components: dict[str, Schema] = {}

    def of(self, message: Descriptor, shape: Shape) -> Schema:
        """A reference to the schema of a message. Raises DescriptionError where one name would mean two things."""
        if message.full_name in _WELL_KNOWN:
            return dict(_WELL_KNOWN[message.full_name])
        name = message.full_name.removeprefix("identity.") + ("Input" if shape is Shape.REQUEST else "")
        if name not in self.components:
            self._shapes[name] = shape
            self.components[name] = {}  # a message may hold itself
            self.components[name] = self._object(message, shape)
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
        sent, entry = shape is Shape.REQUEST, field.message_type
        if entry is not None and entry.GetOptions().map_entry:
            each = entry.fields_by_name["value"]
            values = self.value(each, shape) | (value_bounds(field) if sent and each.message_type is None else {})
            bounds = count_bounds(field, "minProperties", "maxProperties") if sent else {}
            return {"type": "object", "additionalProperties": values, **bounds}
        single = self._single(field, shape)
        if entry is None and sent:
            single |= value_bounds(field)
        if not field.is_repeated:
            return single
        return {"type": "array", "items": single, **(count_bounds(field, "minItems", "maxItems") if sent else {})}

    def _single(self, field: FieldDescriptor, shape: Shape) -> Schema:
        if field.message_type is not None:
            described = self.of(field.message_type, shape) | self._items(field, shape)
            return described | (_required_here(field.message_type, field) if shape is Shape.REQUEST else {})
        if field.enum_type is not None:
            return {"type": "string", "enum": [value.name for value in field.enum_type.values]}
        types = _SENT if shape is Shape.REQUEST else _TYPES
        if field.type not in types:
            raise DescriptionError(f"{field.full_name}: JSON writes this type as text; use int32, uint32 or double")
        return dict(types[field.type])

    def _items(self, field: FieldDescriptor, shape: Shape) -> Schema:
        """Returns the schema of a ListValue's items, as far as the proto declares it."""
        allowed, sent = allowed_of(field), shape is Shape.REQUEST
        counts = count_bounds(field, "minItems", "maxItems") if sent else {}
        if allowed.texts:
            return {"items": {"type": "string", **(value_bounds(field) if sent else {})}, **counts}
        described = described_items(field)
        if described is not None:
            return {"items": self.of(described, shape), **counts}
        if field.message_type and field.message_type.full_name == LIST and not allowed.objects:
            raise DescriptionError(f"{field.full_name} is a list; say of what: texts, items or objects")
        return {"items": {"type": "object"}, **counts} if allowed.objects else {}

    def form(self, message: Descriptor, without: Collection[str]) -> Schema:
        """The same for a form, whose further fields are texts too, but for the fields `without`: the path has those."""
        reference = self.of(message, Shape.REQUEST)
        schema = self.components[reference["$ref"].rpartition("/")[2]]
        for name in without:
            schema["properties"].pop(message.fields_by_name[name].json_name, None)
        schema["additionalProperties"] = {"type": "string"}
        return reference

    def multipart(self, message: Descriptor) -> Schema:
        """The same for a multipart form, in which bytes are files."""
        reference = self.of(message, Shape.REQUEST)
        properties = self.components[reference["$ref"].rpartition("/")[2]]["properties"]
        for field in message.fields:
            if field.type == FieldDescriptor.TYPE_BYTES:
                properties[field.json_name] = FILE | _comment(properties[field.json_name])
        return reference

    def _object(self, message: Descriptor, shape: Shape) -> Schema:
        fields = [field for field in message.fields if _is_there(field, shape)]
        required = [field.json_name for field in fields if is_required(field, shape)]
        fewest = fewest_fields(message)
        return {
            "type": "object",
            "description": self._comments.of(message.full_name),
            "properties": {field.json_name: self.field(field, shape) for field in fields},
            **({"required": required} if required else {}),
            **({"minProperties": fewest} if fewest and shape is Shape.REQUEST else {}),
        }


def is_required(field: FieldDescriptor, shape: Shape) -> bool:
    """Whether JSON without it is refused, or never answered.

    The gateway writes all that cannot be absent, even when it is empty. Our code may leave out what is `optional`, and
    lists and messages unless they are said to be required. Requests must say.
    """
    if shape is Shape.RESPONSE:
        return not field.has_presence or _is_a_list_always(field)
    if shape is Shape.BODY and field.message_type is None and not field.is_repeated:
        return not field.has_presence
    return allowed_of(field).required


def _is_a_list_always(field: FieldDescriptor) -> bool:
    """Whether a ListValue is in every answer, as a repeated field would be, because requests must have it."""
    is_list = field.message_type is not None and field.message_type.full_name == LIST
    return is_list and allowed_of(field).required


def _comment(schema: Schema) -> Schema:
    return {name: value for name, value in schema.items() if name == "description"}


def _required_here(message: Descriptor, field: FieldDescriptor) -> Schema:
    names = [message.fields_by_name[name].json_name for name in allowed_of(field).requires]
    return {"required": names} if names else {}


def _is_there(field: FieldDescriptor, shape: Shape) -> bool:
    allowed = allowed_of(field)
    return not (allowed.read_only if shape is Shape.REQUEST else allowed.write_only)
