"""Introspection (RFC 7662) and revocation (RFC 7009) of tokens, for clients of their tenant."""

from __future__ import annotations

from typing import Any

from ostiary.access.authentication import Authentication, is_of_client
from ostiary.audit.runtime_events import tokens_revoked
from ostiary.audit.sink import EventSink
from ostiary.clock import Clock
from ostiary.errors import DomainError, Kind
from ostiary.ids import digest
from ostiary.oauth.clients.clients import ClientView
from ostiary.oauth.sessions.refresh import family_of, revoke_access_token, revoke_grant
from ostiary.store.engine import Store
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work


class TokenInspection:
    """Answers for access and identity tokens of one tenant; those of others are as dead as unknown ones."""

    def __init__(self, authentication: Authentication, store: Store, clock: Clock, events: EventSink) -> None:
        self._authentication = authentication
        self._store = store
        self._clock = clock
        self._events = events

    def living_claims(self, work: Work, tenant_id: str, token: str) -> dict[str, Any] | None:
        """The claims of a token of this tenant, or None when it is not alive."""
        try:
            claims = self._authentication.app_token(work, token)
        except DomainError as error:
            if error.kind is not Kind.UNAUTHENTICATED:
                raise
            return None
        return claims if claims["tenant"] == tenant_id else None

    def revoke(self, work: Work, tenant: TenantView, client: ClientView, token: str, request_id: str) -> None:
        """Kills the family of a refresh token, or one access or identity token, if it is this client's.

        Opens its own transaction, and none for a token that is nobody's: guessing must not queue up writers.
        """
        family = family_of(work, tenant.id, client.id, token)
        claims = None if family else self.living_claims(work, tenant.id, token)
        now = self._clock.now_ms()
        if family is not None:
            with self._store.write() as writing:
                if revoke_grant(writing, tenant.id, family.id, now):
                    self._events.emit(writing, tokens_revoked(tenant.id, family.subject, request_id), tenant)
        elif claims is not None and client.id in claims["aud"]:
            with self._store.write() as writing:
                revoke_access_token(writing, tenant.id, digest(token), now, amr=" ".join(claims["amr"]))
                if not is_of_client(claims):
                    self._events.emit(writing, tokens_revoked(tenant.id, claims["sub"], request_id), tenant)
