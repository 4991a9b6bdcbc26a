"""The token endpoint (RFC 6749 §3.2) as one pipeline for every profile; a grant adds only its own part.

grant type, tenant, client → the grant's part → claims → sign and write, with no connection held → answer
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from ostiary.audit.sink import EventSink
from ostiary.clock import Clock
from ostiary.ids import Entropy
from ostiary.later import Later, now, then
from ostiary.oauth.sessions.refresh import Overtaken, invalid_grant, new_refresh_token, open_grant
from ostiary.oauth.token.issuing import Issued, Issuing, UnsignedTokens, with_refresh
from ostiary.oauth.token.profile import AnySubject, Authorized, TokenCall, TokenProfile, TokenRequest
from ostiary.store.work import Work

Response = Later[dict[str, Any]] | dict[str, Any]


@dataclass(frozen=True, slots=True)
class TokenEndpoint:
    """The exchange of grants for tokens. It opens its own transactions: signing and password hashing are done between
    them."""

    clock: Clock
    entropy: Entropy
    issuing: Issuing
    events: EventSink

    def __call__(self, profile: TokenProfile[AnySubject], call: TokenCall) -> dict[str, Any]:
        """The token response. Raises OAuth errors (RFC 6749 §5.2), or those of the profile's own dialect."""
        return now(self.later(profile, call))

    def later(self, profile: TokenProfile[AnySubject], call: TokenCall) -> Response:
        """The same, not awaited where all that is missing are signatures and the event of the tokens."""
        return self._answer(profile.begin(call, self.clock.now_ms()))

    def answer(self, request: TokenRequest[AnySubject]) -> dict[str, Any]:
        """The response to a request that has begun."""
        return now(self._answer(request))

    def _answer(self, request: TokenRequest[AnySubject]) -> Response:
        for _ in range(2):
            try:
                return self._issue(request, request.grant.authorize(request))
            except Overtaken:
                # The credential was used or revoked while we signed: what it is now decides, on the second look.
                continue
        raise invalid_grant("The credential is used by several requests at once.")

    def _issue(self, request: TokenRequest[AnySubject], authorized: Authorized[AnySubject]) -> Response:
        if authorized.repeated is not None:
            return authorized.repeated
        profile, now_ms = request.profile, request.now_ms
        unsigned = profile.prepare(request, authorized)
        events = self.events.wanted(request.reading.work, profile.events(request, authorized), request.tenant)
        lifetime_s = profile.refresh_lifetime_s(request) if authorized.terms is not None else 0
        request.reading.release()
        if authorized.terms is None and authorized.settle is None:
            return then(self.issuing.sign_later(unsigned, now_ms, *events), profile.response)
        settle = partial(self._settle, request, authorized, unsigned, lifetime_s)
        return profile.response(self.issuing.sign_and_write(unsigned, settle, now_ms, *events))

    def _settle(
        self, request: TokenRequest[AnySubject], authorized: Authorized[AnySubject], unsigned: UnsignedTokens,
        lifetime_s: int, work: Work, issued: Issued,
    ) -> Issued:  # fmt: skip
        """Writes what remains: a new grant with its refresh token, and that the credential is used."""
        request.profile.check_unchanged(work, request, authorized, unsigned)
        if authorized.terms is not None and lifetime_s:
            token = new_refresh_token(self.entropy)
            grant_id = open_grant(
                work, request.tenant.id, authorized.terms, token, self.entropy, request.now_ms, lifetime_s,
                issued.access_token,
            )  # fmt: skip
            issued = with_refresh(issued, token, grant_id)
        elif authorized.successor:
            issued = with_refresh(issued, authorized.successor)
        if authorized.settle is not None:
            authorized.settle(work, issued)
        return issued
