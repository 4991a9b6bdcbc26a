"""Schemas of the resources, as they are published: those of the RFC (RFC 7643 §8.7.1), and what is different here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ostiary.directory.users.input import ENTERPRISE, USER_SCHEMA

GROUP_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:Group"
_READ_ONLY = frozenset({"groups", "roles"})
"""Attributes of a user that show what it belongs to and may do. Nobody gets a right by writing them."""
_SHOWN_OF_MEMBERS = frozenset({"display"})
"""Parts of a member that are the member's own."""
_ABSENT = frozenset({"entitlements"})
"""Attributes that are not kept, since they would say of somebody what nothing here decides on."""


def schemas_file() -> Path:
    """The file with the schemas as the models of scim2-models say them, by name. The library itself, which builds its
    models at each import, took a fifth of the time in which a server starts."""
    return Path(__file__).with_name("rfc7643.json")


_OF_RFC_7643: Mapping[str, dict[str, Any]] = json.loads(schemas_file().read_text(encoding="utf-8"))


def _published(name: str) -> dict[str, Any]:
    schema = _OF_RFC_7643[name]
    attributes = [each for each in schema["attributes"] if each["name"] not in _ABSENT]
    return {**schema, "attributes": [_as_here(each) for each in attributes]}


def _as_here(attribute: dict[str, Any]) -> dict[str, Any]:
    if attribute["name"] == "members":
        below = [
            {**each, **({"mutability": "readOnly"} if each["name"] in _SHOWN_OF_MEMBERS else {})}
            for each in attribute["subAttributes"]
        ]
        return {**attribute, "subAttributes": below}
    if attribute["name"] in _READ_ONLY:
        below = [{**each, "mutability": "readOnly"} for each in attribute.get("subAttributes", [])]
        return {**attribute, "mutability": "readOnly", "subAttributes": below}
    return attribute


def _group() -> dict[str, Any]:
    """A group must have a name (RFC 7643 §4.2 says so in its text)."""
    schema = _published("Group")
    for attribute in schema["attributes"]:
        attribute["required"] = attribute["required"] or attribute["name"] == "displayName"
    return schema


def _enterprise() -> dict[str, Any]:
    """The manager's `$ref` is a URI, and its displayName is kept as it was sent: clients send either."""
    schema = _published("EnterpriseUser")
    for attribute in schema["attributes"]:
        for each in attribute.get("subAttributes", []):
            each.update({"required": False, "mutability": "readWrite"})
    return schema


PUBLISHED: Mapping[str, dict[str, Any]] = {
    USER_SCHEMA: _published("User"),
    GROUP_SCHEMA: _group(),
    ENTERPRISE: _enterprise(),
}
"""The schemas by their URN, without `meta`."""
