"""Sign-out by a token that a request carries beside its credentials: csp's logout, and its likes."""

from __future__ import annotations

from dataclasses import dataclass

from ostiary.access.authentication import Authentication
from ostiary.audit.sink import EventSink
from ostiary.clock import Clock
from ostiary.errors import DomainError, Kind
from ostiary.ids import digest
from ostiary.oauth.platform.events import tokens_issued
from ostiary.oauth.platform.identity import IdentityTokens
from ostiary.oauth.sessions.refresh import revoke_access_token
from ostiary.oauth.sessions.sessions import end_session
from ostiary.store.engine import Store
from ostiary.store.work import Work


@dataclass(frozen=True, slots=True)
class Held:
    """What a token carries: its holder (kind and id), organization and session. `token` is the digest of an access
    token, empty for an identity token."""

    tenant_id: str
    holder: tuple[str, str]
    session_id: str
    token: str = ""


@dataclass(frozen=True, slots=True)
class SigningOut:
    """Ends sessions and tokens, in a transaction of its own; it opens none for a token that is nobody's: guessing must
    not queue up writers."""

    authentication: Authentication
    identity_tokens: IdentityTokens
    store: Store
    clock: Clock
    events: EventSink

    def held_by(self, work: Work, token: str) -> Held | None:
        """What a living access token or an identity token carries; None for any other text."""
        try:
            principal = self.authentication.platform(work, token, for_claims=True)
            who = (principal.kind.value, principal.id)
            return Held(principal.tenant_id, who, principal.session_id, digest(token))
        except DomainError as error:
            if error.kind is not Kind.UNAUTHENTICATED:
                raise
        try:
            claims = self.identity_tokens.claims(work, token)
        except DomainError as error:
            if error.kind is not Kind.UNAUTHENTICATED:
                raise
            return None
        return Held(str(claims.get("context_name", "")), ("user", str(claims["sub"])), str(claims.get("sid", "")))

    def end(self, held: Held, action: str, request_id: str) -> bool:
        """Ends the session, and the token if it is an access token; recorded as `action`. Says whether a session lived.
        Hold no connection meanwhile."""
        now_ms = self.clock.now_ms()
        with self.store.write() as work:
            ended = bool(held.session_id) and end_session(work, held.tenant_id, held.session_id, now_ms)
            if held.token:
                revoke_access_token(work, held.tenant_id, held.token, now_ms)
            if ended or held.token:
                target = ("session", held.session_id) if held.session_id else held.holder
                self.events.emit(work, tokens_issued(held.tenant_id, action, request_id, held.holder, target))
        return ended
