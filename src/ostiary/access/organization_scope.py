"""Organization scope: the organizations that a caller sees in lists."""

from __future__ import annotations

from ostiary.access.principals import Principal
from ostiary.access.roles import effective
from ostiary.directory.tenants.organizations import OrganizationScope
from ostiary.store.tenancy import SYSTEM_ID
from ostiary_api.options.v1 import rules_pb2 as rules


def organization_scope(principal: Principal, tenant_id: str) -> OrganizationScope:
    """Returns what `principal` sees when it acts on `tenant_id`: operators at home see all, owners those under
    theirs."""
    if tenant_id == SYSTEM_ID and rules.ROLE_PLATFORM_OPERATOR in principal.roles:
        return OrganizationScope(tenant_id, all=True)
    held = effective(principal.roles, at_home=principal.tenant_id == tenant_id)
    return OrganizationScope(tenant_id, children=rules.ROLE_ORG_OWNER in held)
