"""A realm of Keycloak, as its import takes it: a person, the clients that servers of ours are there, and servers of
ours as its identity providers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

REALM = "staff"
SECRET = "secret: of/the client"
PERSON = {"username": "ada", "email": "ada@op.example", "firstName": "Ada", "lastName": "Lovelace"}
PASSWORD = "difference engine"
DOOR = "http://127.0.0.1:8400/door"
"""Where the client of Keycloak's own gets its codes."""
_SAML_ATTRIBUTES = {
    "saml.assertion.signature": "true", "saml.server.signature": "true", "saml.signature.algorithm": "RSA_SHA256",
    "saml_name_id_format": "email", "saml_force_name_id_format": "true", "saml.authnstatement": "true",
    "saml.force.post.binding": "true",
}  # fmt: skip


@dataclass
class Tenant:
    """What Keycloak is told of a tenant of ours: the callback, the SAML service provider, and the certificates of its
    metadata in base64; `issuers` are names with the metadata of a server of ours and Keycloak's client there."""

    callback: str
    entity_id: str
    acs: str
    signing: str
    encryption: str
    issuers: dict[str, tuple[dict[str, Any], str, str]] = field(default_factory=dict)


def realm(tenant: Tenant) -> dict[str, Any]:
    """The realm."""
    return {
        "realm": REALM, "enabled": True, "sslRequired": "none",
        "users": [
            {**PERSON, "enabled": True, "emailVerified": True, "credentials": [{"type": "password", "value": PASSWORD}]}
        ],
        "clients": [
            {
                "clientId": "ostiary", "protocol": "openid-connect", "secret": SECRET, "publicClient": False,
                "redirectUris": [tenant.callback], "attributes": {"pkce.code.challenge.method": "S256"},
            },
            {
                "clientId": "door", "protocol": "openid-connect", "publicClient": True, "redirectUris": [DOOR],
                "attributes": {"post.logout.redirect.uris": "+"},
            },
            _service_provider(tenant),
        ],
        "identityProviders": [_provider(name, *told) for name, told in tenant.issuers.items()],
    }  # fmt: skip


def _service_provider(tenant: Tenant) -> dict[str, Any]:
    """The tenant as SAML service provider, which signs its requests and wants assertions encrypted."""
    own = {
        "saml.client.signature": "true", "saml.signing.certificate": tenant.signing, "saml.encrypt": "true",
        "saml.encryption.certificate": tenant.encryption, "saml_assertion_consumer_url_post": tenant.acs,
    }  # fmt: skip
    mail = {
        "name": "mail", "protocol": "saml", "protocolMapper": "saml-user-property-mapper",
        "config": {"user.attribute": "email", "attribute.name": "email", "attribute.nameformat": "Basic"},
    }  # fmt: skip
    return {
        "clientId": tenant.entity_id, "protocol": "saml", "redirectUris": [tenant.acs],
        "attributes": {**_SAML_ATTRIBUTES, **own}, "protocolMappers": [mail],
    }  # fmt: skip


def _provider(name: str, metadata: dict[str, Any], client_id: str, secret: str) -> dict[str, Any]:
    config = {
        "issuer": metadata["issuer"], "authorizationUrl": metadata["authorization_endpoint"],
        "tokenUrl": metadata["token_endpoint"], "userInfoUrl": metadata["userinfo_endpoint"],
        "jwksUrl": metadata["jwks_uri"], "useJwksUrl": "true", "validateSignature": "true",
        "logoutUrl": metadata["end_session_endpoint"], "backchannelSupported": "true", "clientId": client_id,
        "clientSecret": secret, "clientAuthMethod": "client_secret_post", "defaultScope": "openid profile email",
        "pkceEnabled": "true", "pkceMethod": "S256", "trustEmail": "true",
    }  # fmt: skip
    return {"alias": name, "providerId": "oidc", "enabled": True, "trustEmail": True, "config": config}
