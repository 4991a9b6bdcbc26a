"""The discovery document of a tenant's authorization server (OpenID Connect Discovery 1.0 §3)."""

from __future__ import annotations

from typing import Any

from ostiary.keys.issuers import Issuers
from ostiary.oauth.claims.authentication_context import PASSWORD
from ostiary.oauth.claims.scopes import OPENID_SCOPES

CLAIMS = (
    "iss", "aud", "exp", "iat", "sub", "tenant", "amr", "auth_time", "acr", "nonce", "sid", "identities", "email",
    "email_verified", "name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile",
    "picture", "gender", "zoneinfo", "locale", "updated_at", "phone_number", "phone_number_verified", "address",
)  # fmt: skip
GRANT_TYPES = (
    "authorization_code", "password", "refresh_token", "client_credentials",
    "urn:ietf:params:oauth:grant-type:jwt-bearer",
)  # fmt: skip


def configuration(issuers: Issuers, tenant_id: str) -> dict[str, Any]:
    """Returns the metadata by name: every endpoint under the issuer, and only what exists."""
    issuer = issuers.tenant(tenant_id)
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorization",
        "token_endpoint": f"{issuer}/token",
        "jwks_uri": f"{issuer}/publickeys",
        "userinfo_endpoint": f"{issuer}/userinfo",
        "introspection_endpoint": f"{issuer}/introspect",
        "revocation_endpoint": f"{issuer}/revoke",
        "end_session_endpoint": f"{issuer}/logout",
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "frontchannel_logout_supported": True,
        "frontchannel_logout_session_supported": True,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": OPENID_SCOPES,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "form_post", "web_message"],
        "claims_supported": CLAIMS,
        "acr_values_supported": [PASSWORD],
        "grant_types_supported": GRANT_TYPES,
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "request_uri_parameter_supported": False,
        "profiles_endpoint": issuers.public_url,
        "management_endpoint": f"{issuers.public_url}/management/v4/{tenant_id}",
        "service_documentation": f"{issuers.public_url}/openapi.json",
    }
