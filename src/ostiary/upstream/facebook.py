"""Facebook as an identity provider: its OAuth 2.0 flow by hand ("Manually Build a Login Flow") and the Graph API.

Facebook has no identity tokens in this flow: its own server says, for the access token that it has just given to the
tenant's secret, whose it is.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection
from urllib.parse import urlencode

from ostiary.outgoing.client import Outgoing
from ostiary.upstream.calls import ProviderCalls
from ostiary.upstream.identity import UpstreamIdentity, provider_failed
from ostiary.upstream.social import SocialProvider

NAME = "facebook"
_SCOPE = "email,public_profile"
_FIELDS = "id,name,first_name,last_name,email,picture.width(320).height(320)"


class Facebook:
    """Facebook at two base URLs, each with the version of its API."""

    def __init__(self, outgoing: Outgoing, url: str, graph_url: str) -> None:
        self._calls = ProviderCalls(outgoing, NAME)
        self._url = url.rstrip("/")
        self._graph_url = graph_url.rstrip("/")

    def authorization_uri(self, client: SocialProvider, redirect_uri: str, state: str, prompts: Collection[str]) -> str:
        """The address of the dialog in which the person agrees. Facebook asks for the password again where the
        application wants that."""
        again = {"auth_type": "reauthenticate"} if "login" in prompts else {}
        parameters = {
            "client_id": client.client_id, "redirect_uri": redirect_uri, "state": state, "response_type": "code",
            "scope": _SCOPE, **again,
        }  # fmt: skip
        return f"{self._url}/dialog/oauth?{urlencode(parameters)}"

    def identity(self, client: SocialProvider, redirect_uri: str, code: str) -> UpstreamIdentity:
        """The person for whom a code was given. Facebook does not say whether it has proved the address. Raises
        PROVIDER_FAILED, PROVIDER_UNREACHABLE."""
        form = {
            "client_id": client.client_id, "client_secret": client.secret, "redirect_uri": redirect_uri, "code": code,
        }  # fmt: skip
        token = self._calls.post(f"{self._graph_url}/oauth/access_token", form).get("access_token")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise provider_failed(NAME, "The token endpoint gave no access_token.")
        proof = hmac.new(client.secret.encode(), token.encode(), hashlib.sha256).hexdigest()
        query = urlencode({"fields": _FIELDS, "appsecret_proof": proof})
        said = self._calls.get(f"{self._graph_url}/me?{query}", authorization=f"Bearer {token}")
        if not isinstance(said.get("id"), str):
            raise provider_failed(NAME, "The Graph API named nobody.")
        picture = _picture(said.get("picture"))
        names = {"given_name": said.get("first_name"), "family_name": said.get("last_name")}
        claims = {**said, **{name: value for name, value in names.items() if value}}
        return UpstreamIdentity(NAME, said["id"], {**claims, **({"picture": picture} if picture else {})})


def _picture(said: object) -> str:
    """The address inside `picture: {data: {url}}`; empty if there is none."""
    data = said.get("data") if isinstance(said, dict) else None
    url = data.get("url") if isinstance(data, dict) else None
    return url if isinstance(url, str) else ""
