"""Google as an identity provider: an OpenID provider with an issuer of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ostiary.upstream.openid.relying_party import Registration
from ostiary.upstream.social import SocialProvider

NAME = "google"
_ALSO = {"https://accounts.google.com": ("accounts.google.com",)}
"""The other spelling of its issuer that Google documents for identity tokens."""


def google_client(url: str, provider: SocialProvider, redirect_uri: str) -> Registration:
    """The client that a tenant has at Google."""
    issuer = url.rstrip("/")
    return Registration(issuer, provider.client_id, provider.secret, redirect_uri, _ALSO.get(issuer, ()))


def google_identity(subject: str, claims: Mapping[str, Any]) -> dict[str, Any]:
    """The claims, and the names `id` and `verified_email` for two of them: App ID's profiles have those."""
    verified = {"verified_email": claims["email_verified"]} if "email_verified" in claims else {}
    return {**claims, "id": subject, **verified}
