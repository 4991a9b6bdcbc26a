"""Protection of privileged users: a caller may not create, delete or change the credentials of a user who holds more
rights than the caller.

A caller who sets an owner's password can act as the owner a moment later, and so can one who reads the mail that resets
it; and one who owns for an hour could so own for good.
"""

from __future__ import annotations

from collections.abc import Sequence

from ostiary.access.policy import givable_on
from ostiary.access.principals import Principal, PrincipalKind
from ostiary.directory.roles.built_in import BUILT_IN, ORG_MEMBER
from ostiary.directory.roles.permissions import refuse_beyond, role_too_small
from ostiary.directory.roles.rights import rights_of_user
from ostiary.store.work import Work


def refuse_beyond_reach(work: Work, principal: Principal, tenant_id: str, user_ids: Sequence[str], now_ms: int) -> None:
    """Raises FORBIDDEN where one of these directory users has a permission, by itself or through a group, that
    `principal` could not give on the tenant, or has, more than a member's, for less long.

    Users that do not exist hold none: what their absence means is for the operation to say.
    """
    held = givable_on(principal, tenant_id)
    for user_id in user_ids:
        theirs = rights_of_user(work, tenant_id, user_id, now_ms)
        refuse_beyond(held, theirs)
        privileged = theirs.keys() - BUILT_IN[ORG_MEMBER].permissions
        if privileged and principal.kind is PrincipalKind.USER and user_id != principal.id:  # nobody else's rights end
            own = rights_of_user(work, principal.tenant_id, principal.id, now_ms)
            if any(own.get(permission, 0) < theirs[permission] for permission in privileged):
                raise role_too_small()
