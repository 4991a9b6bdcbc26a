"""Sources of the attributes of groups: where each is stored, and how it is compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select, true

from ostiary.names import folded, name_key
from ostiary.scim.filters.filed import Location, Version
from ostiary.scim.filters.nodes import Operand
from ostiary.scim.filters.sources import Condition, Constant, Entries, Moment, Source, Text, exactly
from ostiary.scim.schema.attributes import GROUPS, Place
from ostiary.store.comparing import by_code_point
from ostiary.store.tables import ExternalId, Group, GroupMember, User, table_of

_GROUPS, _MEMBERS, _IDS, _USERS = table_of(Group), table_of(GroupMember), table_of(ExternalId), table_of(User)
_COLUMNS: Mapping[str, Source] = {
    "id": Text(_GROUPS.c.id, exactly, exactly),
    "displayName": Text(_GROUPS.c.display_name_key, name_key, folded),
    "schemas": Constant(GROUPS.schema),
    "meta.resourceType": Constant("Group"),
    "meta.created": Moment(_GROUPS.c.created_at),
    "meta.lastModified": Moment(_GROUPS.c.modified_at),
    "meta.version": Version(_GROUPS.c.version),
}
_LAST = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class SearchedGroups:
    """The groups of a tenant as a client with ids of its own (`provisioner`) searches them; `location` is the URL of
    their list."""

    tenant_id: str
    provisioner: str
    location: str
    kind = GROUPS

    def source(self, place: Place) -> Source | None:
        """Finds an attribute, or a part of one; None for one that cannot be searched."""
        if place.attribute is None:
            return None
        name = place.attribute.name + (f".{place.part.name}" if place.part else "")
        if name in _COLUMNS:
            return _COLUMNS[name]
        if name == "meta.location":
            return Location(_GROUPS.c.id, self.location)
        if name == "externalId":
            return self._external_id()
        members = self._members()
        if name == "members":
            return members
        part = members.parts.get(place.part.name.lower()) if place.part and place.attribute.name == "members" else None
        return Entries({"value": part}, members.having) if part else None

    def sort_key(self, place: Place) -> ColumnElement[Any] | None:
        """Returns the value of a list by which resources are sorted: the primary one; None for what is no such list."""
        if place.attribute is None or place.attribute.name != "externalId":
            return None
        mine = (_IDS.c.tenant_id == self.tenant_id, _IDS.c.resource_id == _GROUPS.c.id, *self._own_ids())
        return func.coalesce(select(by_code_point(_IDS.c.external_id)).where(*mine).scalar_subquery(), _LAST)

    def _own_ids(self) -> tuple[Condition, Condition]:
        return _IDS.c.provisioner == self.provisioner, _IDS.c.resource_type == GROUPS.name

    def _external_id(self) -> Entries:
        mine = (_IDS.c.tenant_id == self.tenant_id, *self._own_ids())
        value = Text(by_code_point(_IDS.c.external_id), exactly, exactly)
        return Entries(
            {"value": value},
            lambda condition: _GROUPS.c.id.in_(select(_IDS.c.resource_id).where(*mine, condition)), single=True,
        )  # fmt: skip

    def _members(self) -> Entries:
        parts: dict[str, Source] = {
            "value": Text(by_code_point(_MEMBERS.c.member_id), exactly, exactly),
            "type": Text(by_code_point(func.lower(_MEMBERS.c.member_type))),
            "display": _MemberName(self.tenant_id),
        }
        of_tenant = _MEMBERS.c.tenant_id == self.tenant_id
        return Entries(
            parts, lambda condition: _GROUPS.c.id.in_(select(_MEMBERS.c.group_id).where(of_tenant, condition))
        )


@dataclass(frozen=True, slots=True)
class _MemberName:
    """The display name of a member, which is that of the user or the group."""

    tenant_id: str

    def compared(self, name: str, operator: str, value: Operand) -> Condition:
        """Returns the condition, as `Source.compared` says."""
        if operator == "pr":
            return true()
        named = [
            _MEMBERS.c.member_id.in_(
                select(table.c.id).where(
                    table.c.tenant_id == self.tenant_id,
                    Text(table.c.display_name_key, name_key, folded).compared(name, operator, value),
                )
            )
            for table in (_USERS, _GROUPS.alias())
        ]
        return or_(*named)
