"""The roles of an organization as csp, cloudapi and SCIM name them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import bindparam, select

from ostiary.store.tables import Membership, table_of
from ostiary.store.work import Work

_MEMBERSHIPS = table_of(Membership)
_OF_USERS = (
    select(_MEMBERSHIPS.c.user_id, _MEMBERSHIPS.c.role)
    .where(
        _MEMBERSHIPS.c.tenant_id == bindparam("of_tenant"),
        _MEMBERSHIPS.c.user_id.in_(bindparam("ids", expanding=True)),
    )
    .order_by(_MEMBERSHIPS.c.role)
)


def roles_of_users(work: Work, tenant_id: str, user_ids: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """The organization roles of each of these users, sorted."""
    found: dict[str, list[str]] = {user_id: [] for user_id in user_ids}
    for row in work.rows(_OF_USERS, {"of_tenant": tenant_id, "ids": list(user_ids)}) if user_ids else ():
        found[row.user_id].append(row.role)
    return found


def add_membership(work: Work, tenant_id: str, user_id: str, role: str, now_ms: int) -> None:
    """Gives a user an organization role; having it already is fine."""
    row = {"tenant_id": tenant_id, "user_id": user_id, "role": role, "created_at": now_ms}
    work.insert_new(_MEMBERSHIPS, row)
