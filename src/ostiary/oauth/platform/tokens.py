"""Platform tokens: the claims of API keys, directory users and service accounts outside App ID's runtime, for the
platform's key.

Claims: `iss`, `aud` (the platform), `sub`, `sub_type` (api_key, user, client), `context_name` (the organization's id),
`iat`, `exp`, `jti`, and what each dialect adds (`perms`, `iam_id`, `acct`, `sid`, …). Identity tokens name another
audience, so that no interface here accepts one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ostiary.ids import Entropy, new_id
from ostiary.keys import jwt
from ostiary.keys.issuers import Issuers
from ostiary.keys.keyring import Keyring
from ostiary.keys.signing import Signer
from ostiary.oauth.token.issuing import UnsignedTokens
from ostiary.store.tenancy import SYSTEM_ID, Tenancy, TenantView
from ostiary.store.work import Work

LIFETIME_S = 3_600


@dataclass(frozen=True, slots=True)
class PlatformOrder:
    """The tokens to issue for `subject` of organization `tenant_id`.

    `issuer` is empty for the public URL. `claims` are what the dialect adds to the access token. With an `audience`, a
    client or dialect, there is an identity token too (OpenID Connect Core §2), with `identity` as its claims. `scope`
    is answered, and no claim. `claims_only`: the access token opens nothing but userinfo.
    """

    subject: str
    subject_type: str
    tenant_id: str
    issuer: str = ""
    scope: str = ""
    claims: Mapping[str, Any] = field(default_factory=dict)
    audience: str = ""
    identity: Mapping[str, Any] = field(default_factory=dict)
    claims_only: bool = False


class PlatformTokens:
    """Makes the claims of platform tokens."""

    def __init__(self, tenancy: Tenancy, keys: Keyring, issuers: Issuers, entropy: Entropy) -> None:
        self._tenancy = tenancy
        self._keys = keys
        self._issuers = issuers
        self._entropy = entropy

    @property
    def expand_at(self) -> str:
        """The address that expands what did not fit into an identity token."""
        return f"{self._issuers.public_url}/oauth/check_id_token"

    def roles_at(self, org_id: str) -> str:
        """The address that tells the roles of the caller in its organization, where they did not fit into its access
        token."""
        return f"{self._issuers.public_url}/csp/gateway/am/api/loggedin/user/orgs/{org_id}/info"

    def platform(self, work: Work) -> TenantView:
        """The operators' organization, whose key is the platform's."""
        system = self._tenancy.find(work, SYSTEM_ID)
        if system is None:
            raise RuntimeError("the system organization is missing; run `ostiary init`")
        return system

    def signer(self, work: Work) -> Signer:
        """The platform's key; `work` must be one that reads, not a transaction."""
        return self._keys.signer(work, self.platform(work))

    def prepare(self, signer: Signer, order: PlatformOrder, now_ms: int) -> UnsignedTokens:
        """The tokens to be signed. Reads nothing."""
        now = now_ms // 1000
        shared = {
            "iss": order.issuer or self._issuers.public_url, "sub": order.subject, "iat": now, "exp": now + LIFETIME_S,
        }  # fmt: skip
        access = {
            **shared, "aud": [self._issuers.userinfo if order.claims_only else self._issuers.audience],
            "sub_type": order.subject_type, "context_name": order.tenant_id, "jti": new_id(self._entropy),
            **order.claims,
        }  # fmt: skip
        documents = [access]
        if order.audience == self._issuers.audience:
            raise ValueError("an identity token for the platform itself would be an access token")
        if order.audience:
            documents.append({**shared, "aud": [order.audience], **order.identity})
        inputs = [jwt.signing_input(signer.kid, document) for document in documents]
        return UnsignedTokens(signer, inputs, order.scope, now, LIFETIME_S)
