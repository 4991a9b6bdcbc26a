"""Fields of groups in the filters and orders of cloudapi."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, false, func, select

from ostiary.directory.groups.search import sorted_by
from ostiary.directory.roles.nesting import of_kind, users_of, with_containing, with_nested
from ostiary.http.fiql import Comparator, is_one_of, matches
from ostiary.names import folded
from ostiary.store.comparing import starts_with
from ostiary.store.tables import USER, Group, GroupMember, User, table_of

URN = "urn:vcloud:group:"
_GROUPS, _MEMBERS, _USERS = table_of(Group), table_of(GroupMember), table_of(User)
GROUP_FIELDS: Mapping[str, Comparator] = {
    "id": matches(_GROUPS.c.id, lambda text: text.removeprefix(URN).lower()),
    "name": matches(_GROUPS.c.display_name_key, folded, begins=starts_with),
    "nameInSource": matches(_GROUPS.c.display_name_key, folded, begins=starts_with),
    "providerType": is_one_of(
        {kind: _GROUPS.c.provider_type == kind for kind in ("LOCAL", "SAML", "OAUTH")}, otherwise=false()
    ),
    "description": matches(func.lower(_GROUPS.c.description), str.lower),
}
"""The fields that groups are found by."""


def group_order(by: str, *, descending: bool) -> tuple[ColumnElement[Any], ...]:
    """The order by (field, id)."""
    return sorted_by("id" if by == "id" else "displayName", descending=descending)


def groups_of(tenant_id: str, user_id: str) -> ColumnElement[bool]:
    """Whether a group contains a user, directly or because it contains another group."""
    direct = select(_MEMBERS.c.group_id.label("id")).where(
        _MEMBERS.c.tenant_id == tenant_id, _MEMBERS.c.member_id == user_id, of_kind(_MEMBERS, USER)
    )
    return _GROUPS.c.id.in_(select(with_containing(direct).c.id).params(of_tenant=tenant_id))


def users_in(tenant_id: str, group_id: str) -> ColumnElement[bool]:
    """Whether a user belongs to a group, directly or because the group contains another."""
    whole = select(_GROUPS.c.id).where(_GROUPS.c.tenant_id == tenant_id, _GROUPS.c.id == group_id)
    return _USERS.c.id.in_(users_of(with_nested(whole)).params(of_tenant=tenant_id))
