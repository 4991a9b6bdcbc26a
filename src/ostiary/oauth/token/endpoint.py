"""The token endpoint (RFC 6749 §3.2) as one pipeline that owns its phases; a grant adds only its own part.

authenticate the client → the grant's part → scopes → claims → sign and write → answer
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from ostiary.audit.runtime_events import application_authenticated, application_refused, captures
from ostiary.clock import Clock
from ostiary.directory.profiles.anonymous import keep_anonymous_profile
from ostiary.directory.roles.application_roles import scopes_of_client, scopes_of_profile
from ostiary.errors import DomainError, Kind, invalid
from ostiary.http.forms import Form
from ostiary.ids import Entropy
from ostiary.oauth.claims.scopes import (
    ANONYMOUS_SCOPES,
    CLIENT_SCOPES,
    USER_SCOPES,
    granted_scopes,
    of_roles,
    requested_scopes,
)
from ostiary.oauth.claims.subjects import same_access
from ostiary.oauth.clients.authentication import authenticate_client
from ostiary.oauth.clients.clients import ClientView, get_client
from ostiary.oauth.sessions.refresh import Overtaken, invalid_grant, new_refresh_token, open_grant
from ostiary.oauth.token.app_tokens import AppTokens, Issued, Order, with_refresh
from ostiary.oauth.token.grants.client_credentials import ClientCredentialsGrant
from ostiary.oauth.token.grants.grant import Authorized, GrantType, RequestConnection, TokenRequest
from ostiary.oauth.token.group_commit import GroupCommit
from ostiary.oauth.token.settings import TOKENS
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work


@dataclass(frozen=True, slots=True)
class TokenEndpoint:
    """The exchange of grants for tokens. It opens its own transactions: signing and password hashing are done between
    them."""

    clock: Clock
    entropy: Entropy
    group_commit: GroupCommit
    tokens: AppTokens
    grants: Mapping[str, GrantType]

    def __call__(
        self, reading: RequestConnection, tenant: TenantView, authorization: str, form: Form, request_id: str
    ) -> dict[str, Any]:
        """The token response. `authorization` is the header of that name. Raises OAuth errors (RFC 6749 §5.2)."""
        client = self._client(reading, tenant, authorization, form, request_id)
        grant = self._grant(client, form)
        request = TokenRequest(reading, tenant, client, form, self.clock.now_ms(), request_id)
        for _ in range(2):
            try:
                return self._answer(request, grant.authorize(request))
            except Overtaken:
                # The credential was used or revoked while we signed: what it is now decides, on the second look.
                continue
        raise invalid_grant("The credential is used by several requests at once.")

    def for_client(
        self, reading: RequestConnection, tenant: TenantView, client_id: str, scope: str, request_id: str
    ) -> dict[str, Any]:
        """Issues what `client_credentials` would issue to the client, for a caller who may act for it.

        Raises APPLICATION_NOT_FOUND, CLIENT_DISABLED, PUBLIC_CLIENT, and what scopes raise.
        """
        client = get_client(reading.work, tenant, client_id)
        if not client.enabled:
            raise invalid("CLIENT_DISABLED", "The application is disabled.")
        if client.is_public:
            raise invalid("PUBLIC_CLIENT", "A single-page application gets no token for itself.")
        request = TokenRequest(reading, tenant, client, Form({"scope": scope}), self.clock.now_ms(), request_id)
        return self._answer(request, ClientCredentialsGrant().authorize(request))

    def _client(
        self, reading: RequestConnection, tenant: TenantView, authorization: str, form: Form, request_id: str
    ) -> ClientView:
        try:
            return authenticate_client(reading.work, tenant, authorization, form)
        except DomainError as error:
            if error.kind is Kind.UNAUTHENTICATED and captures(reading.work, tenant):
                reading.release()
                self.group_commit.append(self.clock.now_ms(), application_refused(tenant.id, request_id))
            raise

    def _grant(self, client: ClientView, form: Form) -> GrantType:
        grant = self.grants.get(form.required("grant_type"))
        if grant is None:
            message = f"grant_type must be one of {', '.join(self.grants)}."
            raise invalid("UNSUPPORTED_GRANT_TYPE", message, oauth_error="unsupported_grant_type")
        if client.is_public and not grant.public_clients:
            message = "A client without a secret may not use this grant."
            raise invalid("UNAUTHORIZED_CLIENT", message, oauth_error="unauthorized_client")
        return grant

    def _answer(self, request: TokenRequest, authorized: Authorized) -> dict[str, Any]:
        if authorized.repeated is not None:
            return authorized.repeated
        order = Order(
            request.client.id, authorized.subject, _scopes(request, authorized), authorized.amr, authorized.nonce,
            authorized.auth_time, authorized.acr,
        )  # fmt: skip
        work, tenant = request.reading.work, request.tenant
        prepared = self.tokens.prepare(work, tenant, order, request.now_ms)
        settings = TOKENS.read(work, tenant)
        captured = authorized.subject is None and captures(work, tenant)
        request.reading.release()
        opens = authorized.terms is not None and settings.refresh_enabled and not request.client.is_public
        if authorized.terms is not None or authorized.settle is not None:
            lifetime_s = settings.refresh_lifetime_s if opens else 0
            settle = partial(self._settle, request, authorized, lifetime_s)
            if authorized.subject is not None and authorized.subject.anonymous:
                longest_s = max(prepared.expires_in, settings.refresh_lifetime_s if settings.refresh_enabled else 0)
                settle = partial(_kept, request, authorized.subject.id, longest_s, settle)
            return self.tokens.sign_and_write(prepared, settle).document()
        entries = [application_authenticated(tenant.id, request.client.id, request.request_id)] if captured else []
        return self.tokens.sign(prepared, request.now_ms, *entries).document()

    def _settle(
        self, request: TokenRequest, authorized: Authorized, lifetime_s: int, work: Work, issued: Issued
    ) -> Issued:
        """Writes what remains: a new grant with its refresh token, and that the credential is used."""
        subject, tenant_id = authorized.subject, request.tenant.id
        if authorized.terms is not None and subject is not None and not same_access(work, tenant_id, subject):
            raise invalid_grant("The user has been signed out meanwhile.")
        if lifetime_s and authorized.terms is not None:
            token = new_refresh_token(self.entropy)
            grant_id = open_grant(
                work, tenant_id, authorized.terms, token, self.entropy, request.now_ms, lifetime_s,
                issued.access_token,
            )  # fmt: skip
            issued = with_refresh(issued, token, grant_id)
        elif authorized.successor:
            issued = with_refresh(issued, authorized.successor)
        if authorized.settle is not None:
            authorized.settle(work, issued)
        return issued


def _kept(
    request: TokenRequest, profile_id: str, longest_s: int, settle: Callable[[Work, Issued], Issued], work: Work,
    issued: Issued,
) -> Issued:  # fmt: skip
    """Extends an anonymous profile to the lifetime of its new tokens; if it has an identity by now, no tokens are
    issued."""
    if not keep_anonymous_profile(work, request.tenant.id, profile_id, request.now_ms + longest_s * 1000):
        raise Overtaken
    return settle(work, issued)


def _scopes(request: TokenRequest, authorized: Authorized) -> tuple[str, ...]:
    """Returns the scopes that the roles give now, limited to what was asked for earlier and now."""
    work, tenant, client = request.reading.work, request.tenant, request.client
    asked = requested_scopes(request.form.get("scope"), client.name)
    if authorized.subject is None:
        return granted_scopes(asked, CLIENT_SCOPES, scopes_of_client(work, tenant, client.id))
    roles = [*scopes_of_profile(work, tenant.id, authorized.subject.id, client.id), *authorized.scopes]
    limit = of_roles(authorized.limit, USER_SCOPES, roles)
    standard = ANONYMOUS_SCOPES if authorized.subject.anonymous else USER_SCOPES
    return granted_scopes(asked, standard, [name for name in dict.fromkeys(roles) if not limit or name in limit])
