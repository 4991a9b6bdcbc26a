"""Protection of privileged users: a caller may not create, delete or change the credentials of a user who holds more
rights than the caller.

A caller who sets an owner's password can act as the owner a moment later, and so can one who reads the mail that resets
it; and one who owns for an hour could so own for good. The user itself is out of reach of a session that an API token
has opened: whoever stole the token must not be able to make of it what outlives its revocation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ostiary.access.policy import givable_on
from ostiary.access.principals import Principal, PrincipalKind
from ostiary.directory.roles.granting import Giver, hold_rights, lock_rights
from ostiary.directory.roles.permissions import refuse_beyond
from ostiary.directory.roles.rights import refuse_acting_on, rights_of_user
from ostiary.errors import denied
from ostiary.oauth.sessions.sessions import find_session
from ostiary.store.work import Work

People = Callable[[Work], Sequence[str]]
"""Finds the directory users on whom a change acts, in its transaction."""
Reach = Callable[[Work], None]
"""Decides, at the beginning of a transaction, whether the caller may act on them."""


def refuse_beyond_reach(work: Work, principal: Principal, tenant_id: str, user_ids: Sequence[str], now_ms: int) -> None:
    """Raises FORBIDDEN where one of these directory users has a permission, by itself or through a group, that
    `principal` could not give on the tenant: before the request is looked at any further.

    Users that do not exist hold none: what their absence means is for the operation to say.
    """
    held = givable_on(principal, tenant_id)
    for user_id in user_ids:
        refuse_beyond(held, rights_of_user(work, tenant_id, user_id, now_ms))


def within_reach(
    principal: Principal, giver: Giver, tenant_id: str, people: People, now: Callable[[], int], *, gives_roles: bool
) -> Reach:  # fmt: skip
    """The decision for a change, made in its transaction: nobody's rights change any more before the commit.

    It raises FORBIDDEN as `refuse_beyond_reach`, and where a user may do something, more than a member, for longer than
    the caller; 401 where the caller may not act any more. `gives_roles`: the change itself locks the rights.
    """
    lock = lock_rights if gives_roles else hold_rights

    def decide(work: Work) -> None:
        lock(work, tenant_id)
        others = [user_id for user_id in people(work) if not is_caller(principal, tenant_id, [user_id])]
        held = giver(work) if others else {}
        for user_id in others:
            refuse_acting_on(held, rights_of_user(work, tenant_id, user_id, now()))

    return decide


def is_caller(principal: Principal, tenant_id: str, user_ids: Sequence[str]) -> bool:
    """Whether the caller, at its own tenant, is among these directory users."""
    return principal.kind is PrincipalKind.USER and principal.tenant_id == tenant_id and principal.id in user_ids


def refuse_program(work: Work, principal: Principal, now_ms: int) -> None:
    """Raises NOT_BY_API_TOKEN (403) for a user whose session an API token has opened, and NOT_BY_SERVICE_ACCOUNT (403)
    for a service account."""
    if principal.kind is PrincipalKind.SERVICE_ACCOUNT:
        raise denied("NOT_BY_SERVICE_ACCOUNT", "A service account makes nothing that outlives it: sign in as a user.")
    if principal.kind is not PrincipalKind.USER:
        return
    session = find_session(work, principal.tenant_id, principal.session_id, now_ms)
    if session is not None and session.grant_id:
        message = "An API token does not change its own user, and makes nothing that outlives it: sign in as the user."
        raise denied("NOT_BY_API_TOKEN", message)
