"""Client credentials grant (RFC 6749 §4.4): a client gets a token for itself."""

from __future__ import annotations

from ostiary.oauth.token.grants.grant import Authorized, TokenRequest

AMR = "appid_client_credentials"


class ClientCredentialsGrant:
    """The grant that needs no proof beyond client authentication."""

    public_clients = False

    def authorize(self, request: TokenRequest) -> Authorized:
        """The client itself."""
        return Authorized(subject=None, amr=AMR)
