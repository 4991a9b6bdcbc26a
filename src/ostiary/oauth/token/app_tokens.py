"""App ID tokens: the claims of access and identity tokens of one application, for the tenant's key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ostiary.ids import Entropy
from ostiary.keys import jwt
from ostiary.keys.issuers import Issuers
from ostiary.keys.keyring import Keyring
from ostiary.oauth.claims.app_claims import identity_claims, map_access_claims, map_identity_claims, sources_of
from ostiary.oauth.claims.subjects import Subject
from ostiary.oauth.clients.clients import ClientView
from ostiary.oauth.token.issuing import UnsignedTokens
from ostiary.oauth.token.settings import TOKENS
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work

VERSION = 4
"""`ver` in the header: what tells App ID's SDKs which form the claims have."""


@dataclass(frozen=True, slots=True)
class Order:
    """The tokens to issue: for a subject, or (None) for the client itself.

    `amr` is space-separated, `auth_time` UTC milliseconds; `acr` is empty where the client did not ask for one,
    `session_id` where the subject did not sign in with a browser.
    """

    client: ClientView
    subject: Subject | None
    scopes: Sequence[str]
    amr: str
    nonce: str = ""
    auth_time: int = 0
    acr: str = ""
    session_id: str = ""


class AppTokens:
    """Makes the claims of App ID tokens."""

    def __init__(self, keys: Keyring, issuers: Issuers, entropy: Entropy) -> None:
        self._keys = keys
        self._issuers = issuers
        self._entropy = entropy

    def prepare(self, work: Work, tenant: TenantView, order: Order, now_ms: int) -> UnsignedTokens:
        """Reads what the claims need. Raises MAPPED_CLAIMS_TOO_LARGE."""
        settings, client_id = TOKENS.read(work, tenant).of_client(order.client.own), order.client.id
        signer = self._keys.signer(work, tenant)
        now = now_ms // 1000
        lifetime = settings.lifetime_s(anonymous=order.subject is not None and order.subject.anonymous)
        shared = {
            "iss": self._issuers.tenant(tenant.id), "exp": now + lifetime, "aud": [client_id],
            "sub": order.subject.id if order.subject else client_id, "amr": order.amr.split(),
            "iat": now, "tenant": tenant.id,
        }  # fmt: skip
        access: dict[str, Any] = {**shared, "scope": " ".join(order.scopes)}
        documents = [access]
        if order.subject is not None:
            subject = order.subject
            access["email_verified"] = subject.email_verified
            identity = {**shared, **identity_claims(subject), **_of_sign_in(order)}
            if order.client.app is not None:
                identity["oauth_client"] = order.client.app.claims(order.client.name)
            sources = sources_of(work, tenant.id, subject)
            map_access_claims(access, settings.access_claims, sources)
            map_identity_claims(identity, settings.identity_claims, sources)
            documents.append(identity)
        inputs = [jwt.signing_input(signer.kid, self._unlike(document), ver=VERSION) for document in documents]
        return UnsignedTokens(signer, inputs, access["scope"], now, lifetime)

    def _unlike(self, claims: dict[str, Any]) -> dict[str, Any]:
        """Returns the claims in a random order, one of 40,320 at least, so that two tokens are hardly ever the same
        text.

        App ID's tokens have no `jti`: two tokens of the same second would be identical, and a client that revokes one,
        by its digest, would also revoke the other, which another sign-in may just have received.
        """
        chance = self._entropy.token_bytes(len(claims))
        return dict(claim for _, claim in sorted(zip(chance, claims.items(), strict=True), key=lambda pair: pair[0]))


def _of_sign_in(order: Order) -> dict[str, Any]:
    """Returns the claims about the sign-in itself (OpenID Connect Core §2): the same when the token is refreshed."""
    said = {"nonce": order.nonce, "acr": order.acr, "sid": order.session_id}
    return {"auth_time": order.auth_time // 1000, **{name: value for name, value in said.items() if value}}
