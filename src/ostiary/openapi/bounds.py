"""Bounds of fields as keywords of JSON Schema. For requests only: answers show what is stored, which other dialects and
older versions may have written."""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from ostiary.transport.bounds.reading import Bounds, bounds_of
from ostiary.transport.bounds.texts import TEXTS
from ostiary_api.options.v1 import rest_pb2 as rest

Keywords = dict[str, Any]


def allowed_of(field: FieldDescriptor) -> rest.Allowed:
    """Returns what the proto allows for a field."""
    return bounds_of(field).allowed


def value_bounds(field: FieldDescriptor) -> Keywords:
    """Returns the limits of a text or number, or of each in a list."""
    bounds = bounds_of(field)
    return _kind(bounds) | _given(
        minLength=bounds.shortest, maxLength=bounds.longest, pattern=bounds.allowed.pattern or None,
        format=bounds.allowed.format or None, enum=list(bounds.values) or None, minimum=bounds.least,
        maximum=bounds.most,
    )  # fmt: skip


def count_bounds(field: FieldDescriptor, fewest: str, most: str) -> Keywords:
    """Returns the limits of the length of a list or map; `fewest` and `most` are the keywords."""
    bounds = bounds_of(field)
    return _given(**{fewest: bounds.fewest_items, most: bounds.most_items})


def _kind(bounds: Bounds) -> Keywords:
    kind = TEXTS.get(bounds.allowed.text)
    if kind is None:
        return {}
    return _given(format=kind.format or None, pattern=kind.filled_pattern if bounds.shortest else kind.pattern)


def _given(**keywords: Any) -> Keywords:
    return {name: value for name, value in keywords.items() if value is not None}
