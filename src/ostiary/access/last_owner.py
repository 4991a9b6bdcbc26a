"""Last owner: who owns an organization does not, by a change of its own, leave it to nobody; the same of operators."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import bindparam, select

from ostiary.access.policy import operates
from ostiary.access.principals import Principal, PrincipalKind
from ostiary.directory.groups.holders_of import somebody_holds
from ostiary.directory.roles.granting import lock_rights
from ostiary.directory.roles.permissions import Permission
from ostiary.directory.roles.rights import rights_of_user
from ostiary.errors import invalid
from ostiary.store.prepared import prepared
from ostiary.store.tables import User, table_of
from ostiary.store.work import Work

_USERS = table_of(User)
_ACTIVE = prepared(
    select(_USERS.c.id).where(
        _USERS.c.tenant_id == bindparam("of_tenant"), _USERS.c.id == bindparam("of_user"), _USERS.c.active
    )
)
Kept = Callable[[Work], None]
"""Decides, at the end of a transaction, whether the organization still has an owner."""


def keeps_an_owner(principal: Principal, tenant_id: str, now: Callable[[], int]) -> Kept | None:
    """The decision about a change by an owner, or by an operator at System; None for callers who do not own the
    organization as its users: they can make an owner.

    It raises LAST_OWNER where the caller no longer owns the organization, and no active user owns it for good.
    """
    needed = Permission.PLATFORM_OPERATE if operates(principal) else Permission.ORGANIZATION_OWN
    at_home = principal.kind is PrincipalKind.USER and principal.tenant_id == tenant_id
    if not at_home or needed not in principal.permissions:
        return None

    def decide(work: Work) -> None:
        if _owns(work, principal, needed, now()):
            return
        lock_rights(work, tenant_id)  # of two owners who leave at once, the second sees that the first has left
        if not somebody_holds(work, tenant_id, needed):
            who = "operator" if needed is Permission.PLATFORM_OPERATE else "owner"
            raise invalid("LAST_OWNER", f"Nobody would be {who} for good any more: make somebody else one first.")

    return decide


def _owns(work: Work, principal: Principal, needed: Permission, now_ms: int) -> bool:
    active = work.row(_ACTIVE, {"of_tenant": principal.tenant_id, "of_user": principal.id})
    return active is not None and needed in rights_of_user(work, principal.tenant_id, principal.id, now_ms)
