"""Organization scope: the organizations that a caller sees in lists."""

from __future__ import annotations

from ostiary.access.policy import permissions_on
from ostiary.access.principals import Principal
from ostiary.directory.roles.permissions import Permission
from ostiary.directory.tenants.organizations import OrganizationScope
from ostiary.store.tenancy import SYSTEM_ID


def organization_scope(principal: Principal, tenant_id: str) -> OrganizationScope:
    """Returns what `principal` sees when it acts on `tenant_id`: operators at home see all, owners those under
    theirs."""
    held = permissions_on(principal, tenant_id)
    if tenant_id == SYSTEM_ID and Permission.PLATFORM_OPERATE in held:
        return OrganizationScope(tenant_id, all=True)
    return OrganizationScope(tenant_id, children=Permission.ORGANIZATION_OWN in held)
