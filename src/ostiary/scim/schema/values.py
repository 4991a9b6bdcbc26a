"""Values that clients send, brought into the form of their attribute: its spelling of names, and its type."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from ostiary.errors import DomainError, invalid
from ostiary.scim.filters.sources import as_flag, milliseconds
from ostiary.scim.schema.attributes import Attribute, ResourceKind

_TEXTS = frozenset({"string", "reference"})
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]*={0,2}")


def taken(attribute: Attribute, value: Any, name: str = "", *, lenient: bool = False) -> Any:
    """The value as it is kept; None for one that says nothing (null, "", [], {}).

    `name` is the path for messages. `lenient`, as PATCH is: a single value stands for a list of one. Raises
    INVALID_RESOURCE for a value of another type. What nobody knows is left out.
    """
    if value.__class__ is str and value and not attribute.multi_valued and attribute.type in _TEXTS:
        return value  # as nearly all are
    path = name or attribute.name
    if not attribute.multi_valued:
        return _single(attribute, _only(attribute, value, path), path)
    if value is None or value == "":
        return None
    if not isinstance(value, list):
        if not lenient:
            raise wrong(f"{path} must be a list.")
        value = [value]
    entries = [_single(attribute, each, f"{path}[{place}]") for place, each in enumerate(value)]
    return [each for each in entries if each is not None] or None


def _only(attribute: Attribute, value: Any, path: str) -> Any:
    """The value of a list of one, in which some clients wrap what is no list."""
    if not isinstance(value, list):
        return value
    if len(value) > 1:
        raise wrong(f"{path} takes one value, not {len(value)}.")
    return value[0] if value else None


def _single(attribute: Attribute, value: Any, path: str) -> Any:
    if value is None or value == "":
        return None
    return _READERS[attribute.type](attribute, value, path)


def _text(attribute: Attribute, value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise wrong(f"{path} must be a text.")
    return value


def _flag(attribute: Attribute, value: Any, path: str) -> bool:
    flag = as_flag(value)
    if flag is None:
        raise wrong(f"{path} must be true or false.")
    return flag


def _number(attribute: Attribute, value: Any, path: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise wrong(f"{path} must be a whole number.")
    return value


def _decimal(attribute: Attribute, value: Any, path: str) -> float:
    if not isinstance(value, int | Decimal | float) or isinstance(value, bool):
        raise wrong(f"{path} must be a number.")
    return float(value)


def _time(attribute: Attribute, value: Any, path: str) -> str:
    if not isinstance(value, str) or milliseconds(value) is None:
        raise wrong(f"{path} must be a time such as 2026-01-31T08:30:00Z.")
    return value


def _binary(attribute: Attribute, value: Any, path: str) -> str:
    if not isinstance(value, str) or not _BASE64.fullmatch(value):
        raise wrong(f"{path} must be base64.")
    return value


def _complex(attribute: Attribute, value: Any, path: str) -> dict[str, Any] | None:
    if not isinstance(value, dict):
        if not isinstance(value, str) or "value" not in attribute.parts:
            raise wrong(f"{path} must be an object.")
        value = {"value": value}
    kept = {}
    for name, member in value.items():
        part = attribute.parts.get(name.lower())
        found = None if part is None else taken(part, member, f"{path}.{part.name}")
        if part is not None and found is not None:
            kept[part.name] = found
    return kept or None


_READERS: Mapping[str, Callable[[Attribute, Any, str], Any]] = {
    "string": _text,
    "reference": _text,
    "boolean": _flag,
    "integer": _number,
    "decimal": _decimal,
    "dateTime": _time,
    "binary": _binary,
    "complex": _complex,
}


def read_resource(kind: ResourceKind, sent: Any) -> dict[str, Any]:
    """A resource as a client sent it: its writable attributes by their names; those of an extension under its URN.

    What only the server sets, and what nobody knows, is left out whatever it contains (RFC 7644 §3.3). Raises
    INVALID_RESOURCE, also without `schemas` or a required attribute.
    """
    if not isinstance(sent, dict):
        raise invalid("INVALID_RESOURCE", f"A {kind.name} is a JSON object.", scim_type="invalidSyntax")
    kept: dict[str, Any] = {}
    for name, value in sent.items():
        extension = kind.extensions.get(name.lower())
        if extension is not None:
            _keep(kept, extension[0], _extension(*extension, value))
            continue
        attribute = kind.attributes.get(name.lower().removeprefix(f"{kind.schema.lower()}:"))
        if attribute is not None and not attribute.is_read_only:
            _keep(kept, attribute.name, taken(attribute, value))
    _check_schemas(kind, kept)
    check_required(kind, kept)
    return kept


def _keep(kept: dict[str, Any], name: str, value: Any) -> None:
    if name in kept:
        raise wrong(f"{name} is there twice, in different cases of letters.")
    if value is not None:
        kept[name] = value


def _extension(urn: str, attributes: Mapping[str, Attribute], value: Any) -> dict[str, Any] | None:
    if value is None or value == "":
        return None
    if not isinstance(value, dict):
        raise wrong(f"{urn} must be an object.")
    kept: dict[str, Any] = {}
    for name, member in value.items():
        attribute = attributes.get(name.lower())
        if attribute is not None and not attribute.is_read_only:
            _keep(kept, attribute.name, taken(attribute, member, f"{urn}:{attribute.name}"))
    return kept or None


def _check_schemas(kind: ResourceKind, kept: Mapping[str, Any]) -> None:
    """Extensions that nobody knows may be named (clients send their own); the schema of the resource must be."""
    schemas = kept.get("schemas")
    if not schemas:
        raise wrong(f"schemas must name {kind.schema}.")
    if kind.schema.lower() not in map(str.lower, schemas):
        raise invalid("INVALID_RESOURCE", f"schemas must name {kind.schema}.", scim_type="invalidSyntax")


def check_required(kind: ResourceKind, kept: Mapping[str, Any]) -> None:
    """Raises INVALID_RESOURCE where a required attribute is missing."""
    for attribute in kind.attributes.values():
        if attribute.required and attribute.name not in kept:
            raise wrong(f"{attribute.name} is required.")


def wrong(message: str) -> DomainError:
    """Returns the error for a value that its attribute cannot have."""
    return invalid("INVALID_RESOURCE", message, scim_type="invalidValue")
