"""Platform profiles of the token endpoint: their paths name no tenant by id, so the client or the credential says it.

`/oidc/oauth2/token` and, with older names, `/csp/…/auth/token` offer the same under two issuers; csp and cloudapi take
API tokens at paths of their own, from anybody who holds one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ostiary.audit.event import Event
from ostiary.errors import DomainError, invalid
from ostiary.http.forms import Form
from ostiary.names import name_key
from ostiary.oauth.clients.any_tenant import authenticate_client_of_any_tenant
from ostiary.oauth.platform.accounts import Account, living_account
from ostiary.oauth.platform.events import tokens_issued
from ostiary.oauth.platform.identity import Asked, asked_for, csp_identity
from ostiary.oauth.platform.tokens import PlatformOrder, PlatformTokens
from ostiary.oauth.sessions.refresh import PLATFORM, GrantTerms, invalid_grant
from ostiary.oauth.sessions.sessions import find_session
from ostiary.oauth.token.issuing import Issued, UnsignedTokens
from ostiary.oauth.token.profile import (
    Authorized,
    GrantType,
    TokenCall,
    TokenRequest,
    find_grant,
    unsupported_grant_type,
)
from ostiary.store.tenancy import Tenancy, TenantView
from ostiary.store.work import Work

REFRESH_LIFETIME_S = 30 * 86_400
"""The lifetime of a rotating refresh token; each use starts it again."""
PlatformRequest = TokenRequest[Account]


@dataclass(frozen=True, slots=True)
class PlatformProfile:
    """The platform as an authorization server. `issuer` is the `iss` of its tokens.

    Without `has_clients` it has no confidential clients: who holds a credential may use it, and `client_id` names what
    was registered with it, which the grant compares.
    """

    grants: Mapping[str, GrantType[Account]]
    issuer: str
    tenancy: Tenancy
    tokens: PlatformTokens
    describe: Callable[[Account, Asked, str], Mapping[str, Any]] = csp_identity
    """What its identity tokens say of an account."""
    audience: str = PLATFORM
    has_clients: bool = True

    def unknown_grant(self, form: Form) -> DomainError:
        """RFC 6749 §5.2 `unsupported_grant_type`."""
        return unsupported_grant_type(form, ", ".join(self.grants))

    def begin(self, call: TokenCall, now_ms: int) -> PlatformRequest:
        """The grant first: it says whether its credential names the tenant, and then a client is not needed. One that
        is named must prove itself all the same."""
        grant, work, form = find_grant(self, call.form), call.reading.work, call.form
        owner, client = grant.owner(work, form), None
        named = call.authorization or form.get("client_id") or form.get("client_assertion")
        if self.has_clients and (named or owner is None):
            hint = owner or form.get("orgId")
            tenant, client = authenticate_client_of_any_tenant(work, self.tenancy, call.authorization, form, hint)
            if owner not in (None, tenant.id):  # a client of another tenant may have the same id
                raise invalid_grant()
        else:
            tenant = self._owner(work, owner or "", call.organization)
        if form.get("orgId") not in ("", tenant.id):
            message = "orgId must be the organization of the client, or be left out."
            raise invalid("UNKNOWN_ORGANIZATION", message, oauth_error="invalid_request")
        return TokenRequest(self, grant, call, tenant, client, now_ms)

    def _owner(self, work: Work, tenant_id: str, organization: str) -> TenantView:
        tenant = self.tenancy.find(work, tenant_id) if tenant_id else None
        if tenant is None or not tenant.enabled:
            raise invalid_grant()
        if organization and name_key(organization) != name_key(tenant.name):
            raise invalid_grant()
        return tenant

    def find_subject(self, request: PlatformRequest, terms: GrantTerms) -> Account | None:
        """The account, while the session lives from which the grant comes, if it comes from one."""
        return _find(request.reading.work, request, terms)

    def refresh_lifetime_s(self, request: PlatformRequest) -> int:
        """Returns the lifetime, which is the same for everybody."""
        return REFRESH_LIFETIME_S

    def prepare(self, request: PlatformRequest, authorized: Authorized[Account]) -> UnsignedTokens:
        """The platform signs."""
        order = self._order(request, authorized)
        return self.tokens.prepare(self.tokens.signer(request.reading.work), order, request.now_ms)

    def _order(self, request: PlatformRequest, authorized: Authorized[Account]) -> PlatformOrder:
        account, client_id, tenant_id = authorized.subject, request.client_id, request.tenant.id
        session = {"sid": authorized.session_id} if authorized.session_id else {}
        named = {**({"azp": client_id} if client_id else {}), **session}
        if account is None:
            return PlatformOrder(client_id, "client", tenant_id, self.issuer, claims=named)
        asked = asked_for(request.client, authorized)
        said = asked.access_claims() if asked.only_claims else account.access_claims(self.tokens.roles_at(tenant_id))
        return PlatformOrder(
            account.id, "user", tenant_id, self.issuer, " ".join(authorized.limit or account.perms), {**said, **named},
            client_id,
            {**named, **self._identity(account, request, authorized)} if client_id else {}, asked.only_claims,
        )  # fmt: skip

    def _identity(
        self, account: Account, request: PlatformRequest, authorized: Authorized[Account]
    ) -> Mapping[str, Any]:
        said = {"nonce": authorized.nonce, "acr": authorized.acr}
        return {
            "auth_time": authorized.auth_time // 1000, "amr": authorized.amr.split(),
            **{name: value for name, value in said.items() if value},
            **self.describe(account, asked_for(request.client, authorized), self.tokens.expand_at),
        }  # fmt: skip

    def events(self, request: PlatformRequest, authorized: Authorized[Account]) -> Sequence[Event]:
        """One event, named as the rules of the RPC name it."""
        account, call = authorized.subject, request.call
        who = ("user", account.id) if account else ("client", request.client_id)
        target = authorized.audit_target if account else who
        return (tokens_issued(request.tenant.id, call.event, call.request_id, who, target),)

    def check_unchanged(
        self, work: Work, request: PlatformRequest, authorized: Authorized[Account], unsigned: UnsignedTokens
    ) -> None:
        """Checks that the subject of a new grant is still who was read; the use of an old one locks that."""
        if authorized.terms is not None and _find(work, request, authorized.terms) is None:
            raise invalid_grant("The user has been signed out meanwhile.")

    def response(self, issued: Issued) -> dict[str, Any]:
        """RFC 6749 §5.1."""
        return issued.document()


def check_service_account(request: PlatformRequest) -> None:
    """Raises `unauthorized_client` for a client that an operator has not put on the list."""
    client = request.required_client
    if not client.service_account or client.is_public:
        message = "Only a service account may use client_credentials here: an operator must allow-list the application."
        raise invalid("UNAUTHORIZED_CLIENT", message, oauth_error="unauthorized_client")


def _find(work: Work, request: PlatformRequest, terms: GrantTerms) -> Account | None:
    tenant, now_ms = request.tenant, request.now_ms
    account = living_account(work, tenant, terms.user_id, now_ms)
    if account is None or account.access_epoch != terms.access_epoch:
        return None
    if terms.session_id and find_session(work, tenant.id, terms.session_id, now_ms) is None:
        return None
    return account
