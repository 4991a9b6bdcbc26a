"""JWT bearer grant (RFC 7523 §2.1) of Cloud Director: a user's own access token is the assertion, and what the user has
registered before becomes an API token."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ostiary.errors import DomainError, Kind
from ostiary.http.forms import Form
from ostiary.oauth.sessions.refresh import invalid_grant
from ostiary.oauth.token.profile import AnySubject, Authorized, GrantType, TokenRequest
from ostiary.store.work import Work


@dataclass(frozen=True, slots=True)
class SignedInUser:
    """The user of a living access token, the organization and the session of it."""

    id: str
    tenant_id: str
    session_id: str = ""


WhoSignedIn = Callable[[Work, str], SignedInUser]
"""Finds the user of an access token; raises UNAUTHENTICATED for any other token."""
Opening = Callable[[TokenRequest[AnySubject], str, SignedInUser], Authorized[AnySubject]]
"""Opens what was registered under a client id by this user; raises `invalid_grant`."""


class AccessTokenAssertionGrant(GrantType[AnySubject]):
    """`assertion`: an access token of the user; `client_id`: the registration."""

    def __init__(self, who: WhoSignedIn, opening: Opening[AnySubject]) -> None:
        self._who = who
        self._opening = opening

    def owner(self, work: Work, form: Form) -> str | None:
        """The organization of the access token."""
        return user_of_assertion(self._who, work, form).tenant_id

    def authorize(self, request: TokenRequest[AnySubject]) -> Authorized[AnySubject]:
        """The registration of the user, once."""
        user = user_of_assertion(self._who, request.reading.work, request.form)
        if user.tenant_id != request.tenant.id:
            raise invalid_grant("The assertion is an access token of another organization.")
        return self._opening(request, request.form.required("client_id"), user)


def user_of_assertion(who: WhoSignedIn, work: Work, form: Form) -> SignedInUser:
    """The user of the access token in `assertion`; raises `invalid_grant` for any other text."""
    try:
        return who(work, form.required("assertion"))
    except DomainError as refused:
        if refused.kind is not Kind.UNAUTHENTICATED:
            raise
        raise invalid_grant("The assertion must be a living access token of a user.") from refused
