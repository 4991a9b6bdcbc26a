"""Relying party: the authorization code flow with an OpenID provider (OpenID Connect Core §3.1), PKCE and nonce."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from ostiary.clock import Clock
from ostiary.outgoing.client import Outgoing
from ostiary.upstream.calls import ProviderCalls
from ostiary.upstream.identity import UpstreamIdentity, check_error, provider_failed
from ostiary.upstream.openid.discovery import Discovery, Metadata
from ostiary.upstream.openid.id_tokens import Expected, IdTokens, time_of

SCOPE: Final = "openid email profile"
_PROTOCOL: Final = frozenset({
    "iss", "aud", "exp", "nbf", "iat", "jti", "azp", "nonce", "at_hash", "c_hash", "s_hash", "auth_time",
    "acr", "amr", "sid",
})  # fmt: skip
"""Claims that say something of the token or the sign-in, and not of the person."""


@dataclass(frozen=True, slots=True)
class Registration:
    """The client that a tenant has registered at a provider. `also` are other spellings of the issuer that its tokens
    may have."""

    issuer: str
    client_id: str
    secret: str = field(repr=False)
    redirect_uri: str
    also: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Journey:
    """What one request was sent with, and what its answer must fit."""

    nonce: str
    verifier: str
    max_age_s: int | None = None


class RelyingParty:
    """The flow with one kind of provider, named in what goes wrong. Make all calls outside any transaction."""

    def __init__(self, outgoing: Outgoing, provider: str, clock: Clock) -> None:
        self._provider = provider
        self._clock = clock
        self._calls = ProviderCalls(outgoing, provider)
        self._discovery = Discovery(self._calls, provider, clock)
        self._id_tokens = IdTokens(self._discovery, provider)

    def request(self, client: Registration, journey: Journey, state: str) -> tuple[str, dict[str, str]]:
        """The authorization endpoint and the parameters with which the browser goes there. Raises PROVIDER_FAILED,
        PROVIDER_UNREACHABLE."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(journey.verifier.encode()).digest()).rstrip(b"=")
        age = {} if journey.max_age_s is None else {"max_age": str(journey.max_age_s)}
        return self._discovery.metadata(client.issuer).authorization, {
            "response_type": "code", "client_id": client.client_id, "redirect_uri": client.redirect_uri,
            "scope": SCOPE, "state": state, "nonce": journey.nonce, "code_challenge": challenge.decode(),
            "code_challenge_method": "S256", **age,
        }  # fmt: skip

    def identity(self, client: Registration, journey: Journey, answer: Mapping[str, str]) -> UpstreamIdentity:
        """The person whom the answer proves. Raises PROVIDER_DENIED, PROVIDER_FAILED, PROVIDER_UNREACHABLE."""
        metadata = self._discovery.metadata(client.issuer)
        self._check_issuer(metadata, client, answer.get("iss", ""))
        check_error(self._provider, answer)
        issued = self._calls.post(metadata.token, **self._exchange(metadata, client, journey, answer.get("code", "")))
        expected = Expected((client.issuer, *client.also), client.client_id, journey.nonce, journey.max_age_s)
        claims = self._id_tokens.claims(client.issuer, issued.get("id_token"), expected, self._clock.now_ms())
        said = {**self._userinfo(metadata, issued.get("access_token"), claims["sub"]), **claims}
        verified = said.get("email_verified") in (True, "true")  # some providers write the flag as text
        email = said.get("email")
        return UpstreamIdentity(
            self._provider, claims["sub"], {name: said[name] for name in said if name not in _PROTOCOL},
            email if verified and isinstance(email, str) else "", self._proved_at(claims),
        )  # fmt: skip

    def _check_issuer(self, metadata: Metadata, client: Registration, iss: str) -> None:
        """RFC 9207 §2.4: an answer of another server is none, also an error."""
        if (iss or metadata.names_itself) and iss not in (client.issuer, *client.also):
            raise provider_failed(self._provider, f"The answer comes from {iss or 'nobody'}, not {client.issuer}.")

    def _exchange(self, metadata: Metadata, client: Registration, journey: Journey, code: str) -> dict[str, Any]:
        """The form and headers of the token request (RFC 6749 §4.1.3, RFC 7636 §4.5)."""
        form = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": client.redirect_uri,
            "code_verifier": journey.verifier,
        }  # fmt: skip
        if not metadata.takes_basic:
            return {"form": {**form, "client_id": client.client_id, "client_secret": client.secret}}
        pair = f"{quote(client.client_id, safe='')}:{quote(client.secret, safe='')}"  # RFC 6749 §2.3.1
        return {"form": form, "authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}

    def _userinfo(self, metadata: Metadata, token: Any, subject: str) -> dict[str, Any]:
        """What the userinfo endpoint adds; nothing where there is none. The answer must be about the same person: else
        it could be anybody's (Core §5.3.2)."""
        if not metadata.userinfo or not isinstance(token, str) or not token.isascii() or not token.isprintable():
            return {}
        said = self._calls.get(metadata.userinfo, authorization=f"Bearer {token}")
        if said.get("sub") != subject:
            raise provider_failed(self._provider, "userinfo is about somebody else than the identity token.")
        return said

    def _proved_at(self, claims: dict[str, Any]) -> int:
        """The moment at which the person was asked (UTC milliseconds); 0 if it is not said, or still to come."""
        at = (time_of(claims, "auth_time") or 0) * 1000
        return at if at <= self._clock.now_ms() else 0
