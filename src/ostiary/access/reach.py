"""Protection of privileged users: a caller may not create, delete or change the credentials of a user who holds more
rights than the caller.

A caller who sets an owner's password can act as the owner a moment later, and so can one who reads the mail that resets
it.
"""

from __future__ import annotations

from collections.abc import Sequence

from ostiary.access.policy import role_too_small
from ostiary.access.principals import Principal
from ostiary.access.roles import BY_NAME, effective, implied
from ostiary.directory.roles.organization_roles import roles_of_users
from ostiary.store.work import Work


def refuse_beyond_reach(work: Work, principal: Principal, tenant_id: str, user_ids: Sequence[str]) -> None:
    """Raises FORBIDDEN where one of these directory users holds a role that `principal` does not have on the tenant.

    Users that do not exist hold none: what their absence means is for the operation to say.
    """
    held = effective(principal.roles, at_home=principal.tenant_id == tenant_id)
    for roles in roles_of_users(work, tenant_id, user_ids).values():
        if not implied(frozenset(BY_NAME[role] for role in roles)) <= held:
            raise role_too_small()
