"""Issuers: the `iss` of tokens. All of them derive from the public URL, which `serve` decides."""

from __future__ import annotations


class Issuers:
    """The issuers and the platform's audience under one public URL (no trailing slash)."""

    def __init__(self, public_url: str) -> None:
        self.public_url = public_url
        self.audience = public_url
        self.oidc = f"{public_url}/oidc"
        self.platform = frozenset({public_url, self.oidc})
        """Issuers of platform tokens: `{public}/oidc` at `/oidc`, `{public}` for the rest."""

    @property
    def userinfo(self) -> str:
        """The audience of access tokens that open nothing but the claims of a person."""
        return f"{self.oidc}/userinfo"

    @property
    def authorize(self) -> str:
        """The authorization endpoint of the platform."""
        return f"{self.oidc}/oauth2/authorize"

    @property
    def signed_out(self) -> str:
        """The address of the page to which a browser goes to sign out."""
        return f"{self.oidc}/oauth2/logout"

    def account(self, tenant_id: str) -> str:
        """The address at which people of a tenant look after their own account."""
        return f"{self.public_url}/account/{tenant_id}"

    def tenant(self, tenant_id: str) -> str:
        """The issuer of a tenant's App ID tokens; also its OAuth server URL."""
        return f"{self.public_url}/oauth/v4/{tenant_id}"
