"""Client credentials grant (RFC 6749 §4.4): a client gets a token for itself."""

from __future__ import annotations

from collections.abc import Callable

from ostiary.oauth.token.profile import AnySubject, Authorized, GrantType, TokenRequest


class ClientCredentialsGrant(GrantType[AnySubject]):
    """The grant that needs no proof beyond client authentication. `check` is what a profile asks of the client."""

    def __init__(self, amr: str = "", check: Callable[[TokenRequest[AnySubject]], None] | None = None) -> None:
        self._amr = amr
        self._check = check

    def authorize(self, request: TokenRequest[AnySubject]) -> Authorized[AnySubject]:
        """The client itself; raises what `check` raises."""
        if self._check is not None:
            self._check(request)
        return Authorized(subject=None, amr=self._amr)
