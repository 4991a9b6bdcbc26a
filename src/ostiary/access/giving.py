"""Permissions of a caller who gives or takes rights, read again in the transaction of the change."""

from __future__ import annotations

from ostiary.access.policy import permissions_on
from ostiary.access.principals import Principal, PrincipalKind
from ostiary.directory.roles.granting import Giver
from ostiary.directory.roles.permissions import NONE, Permission, Permissions
from ostiary.directory.roles.rights import permissions_of_user
from ostiary.store.work import Work


def giver(principal: Principal, tenant_id: str, now_ms: int) -> Giver:
    """Returns what reads the permissions of `principal` on a tenant: those of a user as they are then, since somebody
    may have taken them since the request began."""

    def held(work: Work) -> Permissions:
        if principal.kind is not PrincipalKind.USER:
            return permissions_on(principal, tenant_id)
        at_home = permissions_of_user(work, principal.tenant_id, principal.id, now_ms)
        return at_home if principal.tenant_id == tenant_id or Permission.PLATFORM_OPERATE in at_home else NONE

    return held
