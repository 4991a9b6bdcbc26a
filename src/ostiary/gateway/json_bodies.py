"""JSON bodies that the transcoder reads: the depth down to which their members are fields of messages.

The transcoder takes one value for a list of one, a list in a list for its items, an object for an empty
google.protobuf.ListValue, and reads null in a list as nothing: all that without a word.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor

from ostiary.transport.rules import HTTP_BODY

NOT_READ, ANY = -1, 0
"""In place of a shape's number: the transcoder reads no JSON; it reads whatever comes."""
_TEXT, _WHOLE, _NUMBER, _TRUTH = "a text", "a whole number", "a number", "true or false"
_WORDS = {
    FieldDescriptor.CPPTYPE_BOOL: _TRUTH, FieldDescriptor.CPPTYPE_DOUBLE: _NUMBER,
    FieldDescriptor.CPPTYPE_FLOAT: _NUMBER,
    FieldDescriptor.CPPTYPE_INT32: _WHOLE, FieldDescriptor.CPPTYPE_INT64: _WHOLE,
    FieldDescriptor.CPPTYPE_UINT32: _WHOLE, FieldDescriptor.CPPTYPE_UINT64: _WHOLE,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shape:
    """The required form of a value: `opens` with "{", with "[", or with neither (None); `wanted` says it in words.

    `fields` of a message are numbers of shapes by every name that the transcoder knows, `names` the JSON names by the
    other names. `each` is the number of the shape that the items of a list have, or the values of a map.
    """

    wanted: str
    opens: str | None = None
    fields: Mapping[str, int] | None = None
    names: Mapping[str, str] | None = None
    each: int | None = None


_OBJECT, _LIST = Shape("an object", "{"), Shape("a list", "[")
_WELL_KNOWN: Mapping[str, Shape | None] = {
    "google.protobuf.Value": None, "google.protobuf.Struct": _OBJECT, "google.protobuf.ListValue": _LIST,
    "google.protobuf.Any": _OBJECT, "google.protobuf.Timestamp": Shape(_TEXT), "google.protobuf.Duration": Shape(_TEXT),
    "google.protobuf.FieldMask": Shape(_TEXT),
}  # fmt: skip
"""Messages whose JSON is another than their fields; None: anything."""


class Shapes:
    """The shapes of all bodies. The number of one is its place in `known`, counted from 1."""

    def __init__(self) -> None:
        self.known: list[Shape] = []
        self._messages: dict[str, int] = {}
        self._others: dict[Shape, int] = {}

    def of_body(self, method: MethodDescriptor, body: str) -> int:
        """The number of what a body must be; `body` is that of google.api.http."""
        if not body:
            return NOT_READ
        if body == "*":
            return self._of_message(method.input_type)
        field = method.input_type.fields_by_name[body]
        is_http_body = field.message_type is not None and field.message_type.full_name == HTTP_BODY
        return NOT_READ if is_http_body else self._of_field(field)

    def _of_field(self, field: FieldDescriptor) -> int:
        message = field.message_type
        if message is not None and message.GetOptions().map_entry:
            return self._add(Shape("an object", "{", each=self._of_one(message.fields_by_name["value"])))
        one = self._of_one(field)
        return self._add(Shape("a list", "[", each=one)) if field.is_repeated else one

    def _of_one(self, field: FieldDescriptor) -> int:
        """The number of the shape of one value of a field."""
        message = field.message_type
        if message is None:
            return self._add(Shape(_WORDS.get(field.cpp_type, _TEXT)))
        if message.full_name in _WELL_KNOWN:
            known = _WELL_KNOWN[message.full_name]
            return self._add(known) if known else ANY
        if message.file.name == "google/protobuf/wrappers.proto":
            return self._of_one(message.fields_by_name["value"])
        return self._of_message(message)

    def _of_message(self, message: Descriptor) -> int:
        number = self._messages.get(message.full_name)
        if number is None:
            number = self._messages[message.full_name] = self._place()
            names = {field.name: field.json_name for field in message.fields if field.name != field.json_name}
            fields = {field.json_name: self._of_field(field) for field in message.fields}
            self.known[number - 1] = Shape("an object", "{", fields=fields, names=names)
        return number

    def _add(self, shape: Shape) -> int:
        number = self._others.get(shape)
        if number is None:
            number = self._others[shape] = self._place()
            self.known[number - 1] = shape
        return number

    def _place(self) -> int:
        """A number for a shape that is known only when those of its fields are: messages hold themselves."""
        self.known.append(_OBJECT)
        return len(self.known)
