"""Authorization request at the platform: its path names no tenant, so the client says whose it is.

A redirect URI is compared whole, with its query. Scopes that nobody defines are ignored (OpenID Connect Core
§3.1.2.1); `openid` is always granted, since whoever comes here wants to know a person.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ostiary.errors import DomainError, invalid
from ostiary.keys.issuers import Issuers
from ostiary.oauth.authorize.request import (
    MAX_LOGIN_HINT,
    AuthorizationFailed,
    AuthorizationRequest,
    Parameters,
    ReturnAddress,
    challenge_of,
    check_parameters,
    languages_of,
    max_age_of,
    return_address,
    still_allowed,
)
from ostiary.oauth.claims.claims_parameter import read_claims
from ostiary.oauth.claims.scopes import PLATFORM_SCOPES
from ostiary.oauth.claims.standard_claims import STANDARD
from ostiary.oauth.clients.any_tenant import find_client_of_any_tenant
from ostiary.oauth.clients.clients import ClientView, redirect_uris_of
from ostiary.oauth.clients.redirect_uris import redirect_uri_is
from ostiary.store.tenancy import Tenancy, TenantView
from ostiary.store.work import Work

ASKABLE = STANDARD | {"acr", "auth_time"}
"""The claims that a client may ask for by name."""


@dataclass(frozen=True, slots=True)
class PlatformAuthorizationRequests:
    """Reads authorization requests. `claims_of` gives the claims of an identity token that this platform has signed, or
    raises INVALID_TOKEN."""

    tenancy: Tenancy
    issuers: Issuers
    claims_of: Callable[[Work, str], dict[str, Any]]

    def tenant_of(self, work: Work, parameters: Parameters) -> TenantView:
        """The organization of the client; raises INVALID_CLIENT for the browser."""
        client_id, org = parameters.get("client_id", ""), parameters.get("orgId", "")
        found = find_client_of_any_tenant(work, self.tenancy, client_id, org)
        if found is None:
            message = (
                "The client is unknown: client_id must be that of an application, and orgId its organization where "
                "several have one of this id."
            )
            raise invalid("INVALID_CLIENT", message, oauth_error="invalid_client")
        return found[0]

    def read(self, work: Work, tenant: TenantView, parameters: Parameters) -> AuthorizationRequest:
        """The request; raises DomainError for the browser and AuthorizationFailed for the client."""
        found = find_client_of_any_tenant(work, self.tenancy, parameters.get("client_id", ""), tenant.id)
        if found is None:
            raise invalid("INVALID_CLIENT", "The client is unknown.", oauth_error="invalid_client")
        client = found[1]
        allowed = self.allows(work, tenant, client, parameters.get("redirect_uri", ""))
        address = return_address(parameters, allowed, self._issuer(parameters))
        check_parameters(address, parameters)
        claims = _claims(address, parameters)
        asked = ("openid", *parameters.get("scope", "").split())
        return AuthorizationRequest(
            client_id=client.id, address=address, nonce=parameters.get("nonce", ""),
            scope=tuple(scope for scope in PLATFORM_SCOPES if scope in asked),
            challenge=challenge_of(client, address, parameters),
            hinted_subject=self._hinted_subject(work, tenant, client, address, parameters),
            wants_acr=bool(parameters.get("acr_values", "").split()) or "id_token.acr" in claims.split(),
            prompts=tuple(parameters.get("prompt", "").split()), max_age=max_age_of(parameters),
            login_hint=parameters.get("login_hint", "")[:MAX_LOGIN_HINT], claims=claims,
            languages=languages_of(parameters),
        )  # fmt: skip

    def _issuer(self, parameters: Parameters) -> str:
        """The issuer whose metadata has led the client here: that at the root has a parameter for it."""
        asked = parameters.get("issuer", "")
        return asked if asked in self.issuers.platform else self.issuers.oidc

    def allows(self, work: Work, tenant: TenantView, client: ClientView, redirect_uri: str) -> bool:
        """Whether the answer may go to this URI."""
        return redirect_uri_is(redirect_uri, redirect_uris_of(work, tenant, client))

    def go_on(self, work: Work, tenant: TenantView, request: AuthorizationRequest) -> bool:
        """Whether a sign-in that was begun may still end at its application."""
        return still_allowed(work, tenant, request, self.allows)

    def _hinted_subject(
        self, work: Work, tenant: TenantView, client: ClientView, address: ReturnAddress, parameters: Parameters
    ) -> str:
        """The user whom `id_token_hint` names; the token may have expired."""
        hint = parameters.get("id_token_hint", "")
        if not hint:
            return ""
        try:
            claims = self.claims_of(work, hint)
        except DomainError:
            claims = {}
        if client.id not in claims.get("aud", ()) or claims.get("context_name") != tenant.id:
            raise AuthorizationFailed(address, "invalid_request", "id_token_hint is not an identity token of yours.")
        return str(claims["sub"])


def _claims(address: ReturnAddress, parameters: Parameters) -> str:
    try:
        return read_claims(parameters.get("claims", ""), ASKABLE)
    except ValueError as error:
        message = "claims must be a JSON object with objects at userinfo and id_token."
        raise AuthorizationFailed(address, "invalid_request", message) from error
