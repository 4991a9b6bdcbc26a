"""Conditions and orders for lists of groups, by the names of RFC 7643 §4.2."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, select

from ostiary.names import folded, name_key
from ostiary.store.tables import Group, GroupMember, table_of

_GROUPS, _MEMBERS = table_of(Group), table_of(GroupMember)


def name_contains(text: str) -> ColumnElement[bool]:
    """Whether the display name contains a text, whatever the case of either."""
    return _GROUPS.c.display_name_key.contains(folded(text), autoescape=True)


def has_member(tenant_id: str, member_id: str) -> ColumnElement[bool]:
    """Whether a user or a group is directly in the group."""
    of_member = (_MEMBERS.c.tenant_id == tenant_id, _MEMBERS.c.member_id == member_id)
    return _GROUPS.c.id.in_(select(_MEMBERS.c.group_id).where(*of_member))


EQUAL: Mapping[str, Callable[[str, Any], ColumnElement[bool]]] = {
    "id": lambda _tenant_id, value: _GROUPS.c.id == value,
    "displayName": lambda _tenant_id, value: _GROUPS.c.display_name_key == name_key(value),
    "members": has_member,
    "members.value": has_member,
}
"""Whether an attribute equals a value, by its name: a function of the tenant and the value."""

ORDERS: Mapping[str, ColumnElement[Any]] = {
    "displayName": _GROUPS.c.display_name_key,
    "id": _GROUPS.c.id,
    "meta.created": _GROUPS.c.created_at,
    "meta.lastModified": _GROUPS.c.modified_at,
}
"""The attributes by which groups can be sorted."""


def sorted_by(name: str, *, descending: bool) -> tuple[ColumnElement[Any], ...]:
    """The order by (attribute, id); raises KeyError for what groups cannot be sorted by."""
    key = ORDERS[name]
    return (key.desc(), _GROUPS.c.id.desc()) if descending else (key, _GROUPS.c.id)
