"""The platform as a provider: its two metadata documents (OpenID Connect Discovery 1.0 §3) and its keys.

Each document names its own issuer and only what exists.
"""

from __future__ import annotations

from typing import Any

from ostiary.keys.issuers import Issuers
from ostiary.keys.keyring import Keyring
from ostiary.store.tenancy import SYSTEM_ID, Tenancy
from ostiary.store.work import Work
from ostiary_api.oidc.v1 import keys_pb2, metadata_pb2

SCOPES = ("openid",)
CLIENT_AUTHENTICATION = ("client_secret_basic", "client_secret_post")


def oidc_configuration(issuers: Issuers) -> metadata_pb2.OpenidConfiguration:
    """The metadata under `/oidc`."""
    return _configuration(
        issuers, issuer=issuers.oidc, token_endpoint=f"{issuers.oidc}/oauth2/token",
        jwks_uri=f"{issuers.oidc}/oauth2/jwks", token_endpoint_auth_methods_supported=CLIENT_AUTHENTICATION,
    )  # fmt: skip


def root_configuration(issuers: Issuers) -> metadata_pb2.OpenidConfiguration:
    """The metadata at the root, of the older Identity Service."""
    csp = f"{issuers.public_url}/csp/gateway/am/api/auth"
    return _configuration(
        issuers, issuer=issuers.public_url, token_endpoint=f"{csp}/token", jwks_uri=f"{csp}/keys",
        token_endpoint_auth_methods_supported=CLIENT_AUTHENTICATION[:1],
    )  # fmt: skip


def _configuration(issuers: Issuers, **own: Any) -> metadata_pb2.OpenidConfiguration:
    return metadata_pb2.OpenidConfiguration(
        userinfo_endpoint=f"{issuers.oidc}/userinfo", grant_types_supported=("client_credentials", "refresh_token"),
        subject_types_supported=("public",), id_token_signing_alg_values_supported=("RS256",),
        scopes_supported=SCOPES, **own,
    )  # fmt: skip


def platform_keys(work: Work, tenancy: Tenancy, keys: Keyring) -> keys_pb2.JwkSet:
    """The public keys of the platform, which are those of the operators' organization."""
    system = tenancy.find(work, SYSTEM_ID)
    if system is None:
        raise RuntimeError("the system organization is missing; run `ostiary init`")
    return system.cached("platform jwks", lambda: keys_pb2.JwkSet(keys=[
        keys_pb2.Jwk(**jwk) for jwk in keys.jwks(work, system)
    ]))  # fmt: skip
