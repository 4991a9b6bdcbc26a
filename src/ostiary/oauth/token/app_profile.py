"""App ID's profile of the token endpoint: its path names the tenant, whose settings decide on lifetimes and claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ostiary.audit.event import Event
from ostiary.audit.runtime_events import application_authenticated, application_refused
from ostiary.audit.sink import EventSink
from ostiary.directory.profiles.anonymous import keep_anonymous_profile
from ostiary.directory.roles.application_roles import scopes_of_client, scopes_of_profile
from ostiary.errors import DomainError, Kind, invalid
from ostiary.http.forms import Form
from ostiary.oauth.claims.scopes import (
    ANONYMOUS_SCOPES,
    CLIENT_SCOPES,
    USER_SCOPES,
    granted_scopes,
    of_roles,
    requested_scopes,
)
from ostiary.oauth.claims.subjects import Subject, find_subject, same_access
from ostiary.oauth.clients.authentication import authenticate_client
from ostiary.oauth.clients.clients import ClientView, get_client
from ostiary.oauth.sessions.refresh import APPID, GrantTerms, Overtaken, invalid_grant
from ostiary.oauth.token.app_tokens import AppTokens, Order
from ostiary.oauth.token.issuing import Issued, UnsignedTokens
from ostiary.oauth.token.profile import (
    Authorized,
    GrantType,
    TokenCall,
    TokenRequest,
    find_grant,
    unsupported_grant_type,
)
from ostiary.oauth.token.settings import TOKENS
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work

CLIENT_CREDENTIALS = "client_credentials"
CLIENT_AMR = "appid_client_credentials"
"""`amr` of tokens that clients get for themselves."""
AppRequest = TokenRequest[Subject]


@dataclass(frozen=True, slots=True)
class AppProfile:
    """The authorization server of one tenant."""

    grants: Mapping[str, GrantType[Subject]]
    tokens: AppTokens
    sink: EventSink
    audience: str = APPID

    def unknown_grant(self, form: Form) -> DomainError:
        """RFC 6749 §5.2 `unsupported_grant_type`."""
        return unsupported_grant_type(form, ", ".join(self.grants))

    def begin(self, call: TokenCall, now_ms: int) -> AppRequest:
        """The client first: strangers do not learn what is offered."""
        tenant = _tenant_of(call)
        client = self._client(call, tenant)
        grant = find_grant(self, call.form)
        if (client.is_public and not grant.public_clients) or (client.app is not None and not grant.mobile_apps):
            message = "A client without a secret, and a mobile app, may not use this grant."
            raise invalid("UNAUTHORIZED_CLIENT", message, oauth_error="unauthorized_client")
        return TokenRequest(self, grant, call, tenant, client, now_ms)

    def for_client(self, call: TokenCall, client_id: str, now_ms: int) -> AppRequest:
        """Begins what `client_credentials` would begin for the client, for a caller who may act for it.

        Raises APPLICATION_NOT_FOUND, CLIENT_DISABLED, PUBLIC_CLIENT.
        """
        tenant = _tenant_of(call)
        client = get_client(call.reading.work, tenant, client_id)
        if not client.enabled:
            raise invalid("CLIENT_DISABLED", "The application is disabled.")
        if client.is_public or client.app is not None:
            raise invalid("PUBLIC_CLIENT", "A single-page application or mobile app gets no token for itself.")
        return TokenRequest(self, self.grants[CLIENT_CREDENTIALS], call, tenant, client, now_ms)

    def _client(self, call: TokenCall, tenant: TenantView) -> ClientView:
        try:
            return authenticate_client(call.reading.work, tenant, call.authorization, call.form)
        except DomainError as error:
            refusal = application_refused(tenant.id, call.request_id)
            if error.kind is Kind.UNAUTHENTICATED and self.sink.is_wanted(call.reading.work, refusal, tenant):
                call.reading.release()
                self.sink.emit_alone(refusal)
            raise

    def find_subject(self, request: AppRequest, terms: GrantTerms) -> Subject | None:
        """Raises `invalid_grant` for an anonymous user whose tenant lets nobody in without a name any more."""
        work, tenant = request.reading.work, request.tenant
        subject = find_subject(work, tenant.id, terms.subject, request.now_ms)
        if subject is None or not subject.may_sign_in or subject.access_epoch != terms.access_epoch:
            return None
        if not subject.is_still(terms.amr):
            return None
        if subject.anonymous and not TOKENS.read(work, tenant).anonymous_enabled:
            raise invalid_grant("Anonymous token is disabled")
        return subject

    def refresh_lifetime_s(self, request: AppRequest) -> int:
        """Reads the lifetime of the client or the tenant; applications without a secret get no refresh tokens."""
        client = request.required_client
        settings = TOKENS.read(request.reading.work, request.tenant).of_client(client.own)
        issued = settings.refresh_enabled and not client.is_public
        return settings.refresh_lifetime_s if issued else 0

    def prepare(self, request: AppRequest, authorized: Authorized[Subject]) -> UnsignedTokens:
        """The tenant signs. Raises `invalid_scope`, MAPPED_CLAIMS_TOO_LARGE."""
        order = Order(
            request.required_client, authorized.subject, _scopes(request, authorized), authorized.amr, authorized.nonce,
            authorized.auth_time, authorized.acr, authorized.session_id,
        )  # fmt: skip
        return self.tokens.prepare(request.reading.work, request.tenant, order, request.now_ms)

    def events(self, request: AppRequest, authorized: Authorized[Subject]) -> Sequence[Event]:
        """Tokens of clients; a sign-in of a user is recorded when it is made."""
        if authorized.subject is not None:
            return ()
        return (application_authenticated(request.tenant.id, request.client_id, request.call.request_id),)

    def check_unchanged(
        self, work: Work, request: AppRequest, authorized: Authorized[Subject], unsigned: UnsignedTokens
    ) -> None:
        """Extends an anonymous profile to the lifetime of its new tokens; if it has an identity by now, no tokens are
        issued."""
        subject, tenant = authorized.subject, request.tenant
        if subject is None:
            return
        if subject.anonymous:
            settings = TOKENS.read(work, tenant).of_client(request.required_client.own)
            longest_s = max(unsigned.expires_in, settings.refresh_lifetime_s if settings.refresh_enabled else 0)
            if not keep_anonymous_profile(work, tenant.id, subject.id, request.now_ms + longest_s * 1000):
                raise Overtaken
        if authorized.terms is not None and not same_access(work, tenant.id, subject):
            raise invalid_grant("The user has been signed out meanwhile.")

    def response(self, issued: Issued) -> dict[str, Any]:
        """RFC 6749 §5.1."""
        return issued.document()


def _tenant_of(call: TokenCall) -> TenantView:
    if call.tenant is None:
        raise LookupError("App ID's token endpoint is below a tenant's path")
    return call.tenant


def _scopes(request: AppRequest, authorized: Authorized[Subject]) -> tuple[str, ...]:
    """Returns the scopes that the roles give now, limited to what was asked for earlier and now."""
    work, tenant, client = request.reading.work, request.tenant, request.required_client
    asked = requested_scopes(request.form.get("scope"), client.name)
    if authorized.subject is None:
        return granted_scopes(asked, CLIENT_SCOPES, scopes_of_client(work, tenant, client.id))
    roles = [*scopes_of_profile(work, tenant.id, authorized.subject.id, client.id), *authorized.scopes]
    limit = of_roles(authorized.limit, USER_SCOPES, roles)
    standard = ANONYMOUS_SCOPES if authorized.subject.anonymous else USER_SCOPES
    return granted_scopes(asked, standard, [name for name in dict.fromkeys(roles) if not limit or name in limit])
