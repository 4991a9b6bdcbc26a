"""Access checks for other services: to whom a token belongs, and whether a subject may do something."""

from __future__ import annotations

from ostiary.access.authentication import Authentication
from ostiary.access.policy import Requirement, decide
from ostiary.access.principals import Principal
from ostiary.errors import DomainError, Kind
from ostiary.store.work import Work


class AccessCheck:
    """Answers by the same authentication and the same decision that this server uses itself."""

    def __init__(self, authentication: Authentication) -> None:
        self._authentication = authentication

    def holder(self, work: Work, token: str) -> Principal | None:
        """The principal of a living App ID access token or platform token, of whichever tenant; else None."""
        for check in (self._authentication.end_user, self._authentication.platform):
            try:
                return check(work, token)
            except DomainError as error:
                _unless_dead(error)
        return None

    def user(self, work: Work, tenant_id: str, user_id: str) -> Principal | None:
        """A directory user as it would be signed in, or None when it may not sign in."""
        try:
            return self._authentication.as_user(work, tenant_id, user_id)
        except DomainError as error:
            _unless_dead(error)
            return None

    def allows(self, principal: Principal | None, tenant_id: str, need: Requirement) -> bool:
        """Whether `principal` fulfils `need` on an existing tenant."""
        if principal is None or not need.scopes <= principal.scopes:
            return False
        try:
            decide(need, principal, tenant_id, tenant_exists=True)
        except DomainError:
            return False
        return True


def _unless_dead(error: DomainError) -> None:
    if error.kind is not Kind.UNAUTHENTICATED:
        raise error
