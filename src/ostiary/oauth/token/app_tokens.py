"""App ID tokens: access and identity tokens of one application, signed with the tenant's key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ostiary.audit.entries import Entry
from ostiary.ids import Entropy
from ostiary.keys import jwt
from ostiary.keys.issuers import Issuers
from ostiary.keys.keyring import Keyring
from ostiary.keys.signing import Signer
from ostiary.oauth.claims.app_claims import identity_claims, map_access_claims, map_identity_claims, sources_of
from ostiary.oauth.claims.subjects import Subject
from ostiary.oauth.token.group_commit import GroupCommit
from ostiary.oauth.token.settings import TOKENS
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work

VERSION = 4
"""`ver` in the header: what tells App ID's SDKs which form the claims have."""


@dataclass(frozen=True, slots=True)
class Order:
    """The tokens to issue: for a subject, or (None) for the client itself.

    `amr` is space-separated, `auth_time` UTC milliseconds; `acr` is empty where the client did not ask for one.
    """

    client_id: str
    subject: Subject | None
    scopes: Sequence[str]
    amr: str
    nonce: str = ""
    auth_time: int = 0
    acr: str = ""


@dataclass(frozen=True, slots=True)
class UnsignedTokens:
    """Tokens ready to be signed: the access token, and the identity token of a subject."""

    signer: Signer
    inputs: Sequence[bytes]
    scope: str
    expires_in: int


@dataclass(frozen=True, slots=True)
class Issued:
    """Signed tokens; `identity_token` is empty if the client itself is the subject. `grant_id`: the grant opened with
    them, if any."""

    access_token: str
    identity_token: str
    scope: str
    expires_in: int
    refresh_token: str = ""
    grant_id: str = ""

    def document(self) -> dict[str, Any]:
        """The successful response (RFC 6749 §5.1, OpenID Connect Core §3.1.3.3)."""
        tokens = {
            "access_token": self.access_token,
            "id_token": self.identity_token,
            "refresh_token": self.refresh_token,
        }
        return {
            **{name: token for name, token in tokens.items() if token},
            "token_type": "Bearer", "expires_in": self.expires_in, "scope": self.scope,
        }  # fmt: skip


class AppTokens:
    """Makes App ID tokens in two steps: claims while the store is read, signatures while it is not."""

    def __init__(self, keys: Keyring, issuers: Issuers, group_commit: GroupCommit, entropy: Entropy) -> None:
        self._keys = keys
        self._issuers = issuers
        self._group_commit = group_commit
        self._entropy = entropy

    def prepare(self, work: Work, tenant: TenantView, order: Order, now_ms: int) -> UnsignedTokens:
        """Reads what the claims need. Raises MAPPED_CLAIMS_TOO_LARGE."""
        settings = TOKENS.read(work, tenant)
        signer = self._keys.signer(work, tenant)
        lifetime = settings.lifetime_s(anonymous=order.subject is not None and order.subject.anonymous)
        shared = {
            "iss": self._issuers.tenant(tenant.id), "exp": now_ms // 1000 + lifetime, "aud": [order.client_id],
            "sub": order.subject.id if order.subject else order.client_id, "amr": order.amr.split(),
            "iat": now_ms // 1000, "tenant": tenant.id,
        }  # fmt: skip
        access: dict[str, Any] = {**shared, "scope": " ".join(order.scopes)}
        documents = [access]
        if order.subject is not None:
            subject = order.subject
            access["email_verified"] = subject.email_verified
            identity = {**shared, **identity_claims(subject), **_of_sign_in(order)}
            sources = sources_of(work, tenant.id, subject)
            map_access_claims(access, settings.access_claims, sources)
            map_identity_claims(identity, settings.identity_claims, sources)
            documents.append(identity)
        inputs = [jwt.signing_input(signer.kid, self._unlike(document), ver=VERSION) for document in documents]
        return UnsignedTokens(signer, inputs, access["scope"], lifetime)

    def _unlike(self, claims: dict[str, Any]) -> dict[str, Any]:
        """Returns the claims in a random order, one of 40,320 at least, so that two tokens are hardly ever the same
        text.

        App ID's tokens have no `jti`: two tokens of the same second would be identical, and a client that revokes one,
        by its digest, would also revoke the other, which another sign-in may just have received.
        """
        chance = self._entropy.token_bytes(len(claims))
        return dict(claim for _, claim in sorted(zip(chance, claims.items(), strict=True), key=lambda pair: pair[0]))

    def sign(self, prepared: UnsignedTokens, now_ms: int, *entries: Entry) -> Issued:
        """Signs the tokens; returns them once `entries` are in the audit ledger. Hold no connection meanwhile."""
        return _issued(prepared, self._group_commit.sign(prepared.signer, prepared.inputs, now_ms, *entries))

    def sign_and_write(self, prepared: UnsignedTokens, settle: Callable[[Work, Issued], Issued]) -> Issued:
        """Signs, and passes the tokens to `settle`, which writes the rows that belong to them in the transaction of a
        batch; returns the result of `settle` once all is committed."""
        return self._group_commit.sign_and_write(
            prepared.signer, prepared.inputs, lambda work, signatures: settle(work, _issued(prepared, signatures))
        )


def _of_sign_in(order: Order) -> dict[str, Any]:
    """Returns the claims about the sign-in itself (OpenID Connect Core §2): the same when the token is refreshed."""
    said = {"nonce": order.nonce, "acr": order.acr}
    return {"auth_time": order.auth_time // 1000, **{name: value for name, value in said.items() if value}}


def _issued(prepared: UnsignedTokens, signatures: Sequence[bytes]) -> Issued:
    tokens = [
        f"{signed.decode()}.{jwt.b64(signature)}" for signed, signature in zip(prepared.inputs, signatures, strict=True)
    ]
    identity_token = tokens[1] if len(tokens) > 1 else ""
    return Issued(tokens[0], identity_token, prepared.scope, prepared.expires_in)


def with_refresh(issued: Issued, refresh_token: str, grant_id: str = "") -> Issued:
    """The same tokens with a refresh token beside them."""
    return replace(issued, refresh_token=refresh_token, grant_id=grant_id)
