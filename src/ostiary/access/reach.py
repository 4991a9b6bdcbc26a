"""Protection of privileged users: a caller may not create, delete or change the credentials of a user who holds more
rights than the caller.

A caller who sets an owner's password can act as the owner a moment later, and so can one who reads the mail that resets
it.
"""

from __future__ import annotations

from collections.abc import Sequence

from ostiary.access.policy import permissions_on
from ostiary.access.principals import Principal
from ostiary.directory.roles.built_in import BUILT_IN
from ostiary.directory.roles.organization_roles import roles_of_users
from ostiary.directory.roles.permissions import refuse_beyond
from ostiary.store.work import Work


def refuse_beyond_reach(work: Work, principal: Principal, tenant_id: str, user_ids: Sequence[str]) -> None:
    """Raises FORBIDDEN where one of these directory users holds a role that `principal` does not have on the tenant.

    Users that do not exist hold none: what their absence means is for the operation to say.
    """
    held = permissions_on(principal, tenant_id)
    for roles in roles_of_users(work, tenant_id, user_ids).values():
        for role in roles:
            refuse_beyond(held, BUILT_IN[role].permissions)
