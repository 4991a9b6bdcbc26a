"""Limits that the protos declare for fields, as keywords of JSON Schema. For requests only: answers show what is
stored, which other dialects and older versions may have written."""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from ostiary_api.options.v1 import rest_pb2 as rest

Keywords = dict[str, Any]

_INTEGERS = {
    FieldDescriptor.TYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.TYPE_INT64: (-(2**63), 2**63 - 1),
}
_CONTROLS = r"\u0000-\u001F\u007F-\u009F\u2028\u2029"
_LINE = f"[^{_CONTROLS}]"
_FILLED_LINE = f"{_LINE}*[^{_CONTROLS}\\s]{_LINE}*"


def allowed_of(field: FieldDescriptor) -> rest.Allowed:
    """Returns what the proto allows for a field."""
    allowed: rest.Allowed = field.GetOptions().Extensions[rest.allowed]
    return allowed


def value_bounds(field: FieldDescriptor) -> Keywords:
    """Returns the limits of a text or number, or of each in a list."""
    allowed = allowed_of(field)
    least, most = _INTEGERS.get(field.type, (None, None))
    shortest = _optional(allowed, "min_length")
    if shortest is None and allowed.required and not allowed.values and _is_one_text(field):
        shortest = 1  # a required text may not be empty
    return _text(allowed.text, filled=bool(shortest)) | _given(
        minLength=shortest, maxLength=_optional(allowed, "max_length"), pattern=allowed.pattern or None,
        format=allowed.format or None, enum=list(allowed.values) or None,
        minimum=_number(allowed.minimum) if allowed.HasField("minimum") else least,
        maximum=_number(allowed.maximum) if allowed.HasField("maximum") else most,
    )  # fmt: skip


def count_bounds(field: FieldDescriptor, fewest: str, most: str) -> Keywords:
    """Returns the limits of the length of a list or map; `fewest` and `most` are the keywords."""
    allowed = allowed_of(field)
    return _given(**{fewest: _optional(allowed, "min_items"), most: _optional(allowed, "max_items")})


def _is_one_text(field: FieldDescriptor) -> bool:
    return field.type == FieldDescriptor.TYPE_STRING and not field.is_repeated


def _text(kind: rest.Text.ValueType, *, filled: bool) -> Keywords:
    match kind:
        case rest.TEXT_LINE:
            return {"pattern": f"^{_FILLED_LINE if filled else _LINE + '*'}$"}
        case rest.TEXT_WEB_URL:
            return {"format": "uri", "maxLength": 2_000, "pattern": r"^https?://[0-9A-Za-z\[][!-?A-\[\]-~]*$"}
        case rest.TEXT_ASCII:
            return {"pattern": "^[ -~]+$"}
        case _:
            return {}


def _optional(allowed: rest.Allowed, name: str) -> int | None:
    return int(getattr(allowed, name)) if allowed.HasField(name) else None  # type: ignore[arg-type]


def _number(value: float) -> int | float:
    return int(value) if value.is_integer() else value


def _given(**keywords: Any) -> Keywords:
    return {name: value for name, value in keywords.items() if value is not None}
