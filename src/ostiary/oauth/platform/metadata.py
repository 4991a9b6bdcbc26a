"""The platform as a provider: its two metadata documents (OpenID Connect Discovery 1.0 §3), by the names of members.

Each document names its own issuer and only what exists.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from ostiary.keys.issuers import Issuers
from ostiary.oauth.claims.authentication_context import PASSWORD
from ostiary.oauth.claims.scopes import PLATFORM_SCOPES
from ostiary.store.tenancy import SYSTEM_ID, Tenancy, TenantView
from ostiary.store.work import Work

CLAIMS = (
    "iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "azp", "sid", "context_name", "group_names",
    "group_ids", "groups", "roles", "org", "name", "given_name", "family_name", "middle_name", "nickname",
    "preferred_username", "profile", "picture", "zoneinfo", "locale", "updated_at", "email", "email_verified",
    "phone_number", "phone_number_verified", "address",
)  # fmt: skip
CLIENT_AUTHENTICATION = ("client_secret_basic", "client_secret_post", "none")


def oidc_configuration(issuers: Issuers, grants: Iterable[str]) -> dict[str, Any]:
    """The metadata under `/oidc`; `grants` are the grant types of its profile."""
    return _configuration(
        issuers, grants, issuer=issuers.oidc, token_endpoint=f"{issuers.oidc}/oauth2/token",
        jwks_uri=f"{issuers.oidc}/oauth2/jwks", token_endpoint_auth_methods_supported=CLIENT_AUTHENTICATION,
    )  # fmt: skip


def root_configuration(issuers: Issuers, grants: Iterable[str]) -> dict[str, Any]:
    """The metadata at the root, of the older Identity Service; `grants` likewise."""
    csp = f"{issuers.public_url}/csp/gateway/am/api/auth"
    # Clients keep the query of the endpoint (RFC 6749 §3.1), and compare the issuer of the answer with this one.
    here = urlencode({"issuer": issuers.public_url})
    return _configuration(
        issuers, grants, issuer=issuers.public_url, authorization_endpoint=f"{issuers.authorize}?{here}",
        token_endpoint=f"{csp}/token", jwks_uri=f"{csp}/keys",
        token_endpoint_auth_methods_supported=CLIENT_AUTHENTICATION,
    )  # fmt: skip


def _configuration(issuers: Issuers, grants: Iterable[str], **own: Any) -> dict[str, Any]:
    return {
        "authorization_endpoint": issuers.authorize,
        "authorization_response_iss_parameter_supported": True,
        "userinfo_endpoint": issuers.userinfo,
        "end_session_endpoint": issuers.signed_out,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "frontchannel_logout_supported": True,
        "frontchannel_logout_session_supported": True,
        "response_types_supported": ("code",),
        "response_modes_supported": ("query", "form_post", "web_message"),
        "code_challenge_methods_supported": ("S256",),
        "claims_supported": CLAIMS,
        "claims_parameter_supported": True,
        "acr_values_supported": (PASSWORD,),
        "grant_types_supported": tuple(grants),
        "subject_types_supported": ("public",),
        "id_token_signing_alg_values_supported": ("RS256",),
        "scopes_supported": PLATFORM_SCOPES,
        **own,
    }


def platform_tenant(work: Work, tenancy: Tenancy) -> TenantView:
    """The operators' organization, whose keys sign for the platform."""
    system = tenancy.find(work, SYSTEM_ID)
    if system is None:
        raise RuntimeError("the system organization is missing; run `ostiary init`")
    return system
