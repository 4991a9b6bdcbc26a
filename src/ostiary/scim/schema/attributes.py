"""Attributes of the resources, looked up by name in any case of letters (RFC 7643 §2.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ostiary.directory.users.input import ENTERPRISE, USER_SCHEMA
from ostiary.scim.schema.published import GROUP_SCHEMA, PUBLISHED


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute (RFC 7643 §7). `parts` are its sub-attributes by their name in lower case."""

    name: str
    type: str = "string"
    multi_valued: bool = False
    case_exact: bool = False
    required: bool = False
    mutability: str = "readWrite"
    returned: str = "default"
    parts: Mapping[str, Attribute] = field(default_factory=dict)

    @property
    def is_read_only(self) -> bool:
        """Whether only the server sets it."""
        return self.mutability == "readOnly"


@dataclass(frozen=True, slots=True)
class Place:
    """What a path leads to: an attribute of the core schema or of an `extension`, and a part of it.

    Without an attribute it is the extension itself.
    """

    attribute: Attribute | None
    part: Attribute | None = None
    extension: str = ""

    @property
    def leaf(self) -> Attribute | None:
        """The last of the names."""
        return self.part or self.attribute


@dataclass(frozen=True, slots=True)
class ResourceKind:
    """A type of resource (RFC 7643 §6): its schema, and those of its extensions, by URN in lower case."""

    name: str
    endpoint: str
    schema: str
    attributes: Mapping[str, Attribute]
    extensions: Mapping[str, tuple[str, Mapping[str, Attribute]]] = field(default_factory=dict)

    def find(self, urn: str, name: str, part: str = "") -> Place | None:
        """What `urn:name.part` leads to; None where there is no such attribute."""
        attributes, extension = self.attributes, ""
        if urn and urn.lower() != self.schema.lower():
            found = self.extensions.get(urn.lower())
            if found is None:
                # `urn:…:2.0:User` alone: the last of its parts looks like the name of an attribute.
                whole = self.extensions.get(f"{urn}:{name}".lower())
                return Place(None, extension=whole[0]) if whole and not part else None
            extension, attributes = found
        attribute = attributes.get(name.lower())
        if attribute is None or not part:
            return Place(attribute, extension=extension) if attribute else None
        below = attribute.parts.get(part.lower())
        return Place(attribute, below, extension) if below else None


def _attribute(written: Mapping[str, Any]) -> Attribute:
    return Attribute(
        written["name"], written["type"], written["multiValued"], written.get("caseExact", False),
        written.get("required", False), written["mutability"], written["returned"],
        _by_name(map(_attribute, written.get("subAttributes", ()))),
    )  # fmt: skip


def _by_name(attributes: Iterable[Attribute]) -> dict[str, Attribute]:
    return {each.name.lower(): each for each in attributes}


def _schema(urn: str) -> dict[str, Attribute]:
    return _by_name(map(_attribute, PUBLISHED[urn]["attributes"]))


_META = (
    Attribute("resourceType", case_exact=True, mutability="readOnly"),
    Attribute("created", "dateTime", mutability="readOnly"),
    Attribute("lastModified", "dateTime", mutability="readOnly"),
    Attribute("location", "reference", case_exact=True, mutability="readOnly"),
    Attribute("version", case_exact=True, mutability="readOnly"),
)
_COMMON = _by_name(
    (
        Attribute("schemas", "reference", multi_valued=True, required=True, returned="always"),
        Attribute("id", case_exact=True, mutability="readOnly", returned="always"),
        Attribute("externalId", case_exact=True),
        Attribute("meta", "complex", mutability="readOnly", parts=_by_name(_META)),
    )
)
"""Attributes that every resource has (RFC 7643 §3.1)."""
USERS = ResourceKind(
    "User", "/Users", USER_SCHEMA, {**_COMMON, **_schema(USER_SCHEMA)},
    {ENTERPRISE.lower(): (ENTERPRISE, _schema(ENTERPRISE))},
)  # fmt: skip
GROUPS = ResourceKind("Group", "/Groups", GROUP_SCHEMA, {**_COMMON, **_schema(GROUP_SCHEMA)})
