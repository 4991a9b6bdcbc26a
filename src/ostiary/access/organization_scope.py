"""Organizations that a caller sees in lists, and those that a request means without naming one in its path."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from ostiary.access.policy import permissions_on
from ostiary.access.principals import Principal
from ostiary.directory.roles.permissions import Permission
from ostiary.directory.tenants.organizations import OrganizationScope
from ostiary.names import name_key
from ostiary.store.tables import User, table_of
from ostiary.store.tenancy import SYSTEM_ID, Tenancy, TenantView, tenant_named
from ostiary.store.work import Work

_USERS = table_of(User)
_OF_USER = select(_USERS.c.tenant_id).where(_USERS.c.id == bindparam("id"))


def organization_scope(principal: Principal, tenant_id: str) -> OrganizationScope:
    """Returns what `principal` sees when it acts on `tenant_id`: operators at home see all, owners those under
    theirs."""
    held = permissions_on(principal, tenant_id)
    if tenant_id == SYSTEM_ID and Permission.PLATFORM_OPERATE in held:
        return OrganizationScope(tenant_id, all=True)
    return OrganizationScope(tenant_id, children=Permission.ORGANIZATION_OWN in held)


def organization_of_user(work: Work, user_id: str) -> str | None:
    """The id of the organization that has the user with this directory id; None for an unknown user."""
    row = work.row(_OF_USER, {"id": user_id})
    return row.tenant_id if row is not None else None


class AnyOrganization:
    """Finds organizations for one caller. What it may not see it cannot tell from what does not exist."""

    def __init__(self, work: Work, tenancy: Tenancy, principal: Principal, own: TenantView) -> None:
        self._work = work
        self._tenancy = tenancy
        self._own = own
        self._operates = Permission.PLATFORM_OPERATE in permissions_on(principal, own.id)

    def named(self, name: str) -> TenantView | None:
        """The organization with this name, or None."""
        if name_key(name) == name_key(self._own.name):
            return self._own
        return self._living(tenant_named(self._work, name_key(name))) if self._operates else None

    def of_user(self, user_id: str) -> TenantView:
        """The organization of the user with this directory id; the caller's own where there is none."""
        found = organization_of_user(self._work, user_id) if self._operates else None
        return self._living(found) or self._own

    def _living(self, tenant_id: str | None) -> TenantView | None:
        found = self._tenancy.find(self._work, tenant_id) if tenant_id else None
        return found if found is not None and found.enabled else None
