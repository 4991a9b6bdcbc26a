"""Platform tokens: the tokens of API keys, directory users and service accounts outside App ID's runtime.

Claims: `iss`, `aud` (the platform), `sub`, `sub_type` (api_key, user, client), `context_name` (the organization's id),
`iat`, `exp`, `jti`, and what each dialect adds (`perms`, `iam_id`, `acct`, `sid`, …). Identity tokens name another
audience, so that no interface here accepts one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ostiary.clock import Clock
from ostiary.ids import Entropy, new_id
from ostiary.keys import jwt
from ostiary.keys.issuers import Issuers
from ostiary.keys.keyring import Keyring
from ostiary.store.tenancy import SYSTEM_ID, Tenancy
from ostiary.store.work import Work

LIFETIME_S = 3_600


@dataclass(frozen=True, slots=True)
class Issued:
    """A signed token with its times in seconds since the epoch."""

    token: str
    issued_at: int
    expires_at: int

    @property
    def expires_in(self) -> int:
        """Seconds until it ends."""
        return self.expires_at - self.issued_at


class PlatformTokens:
    """Issues platform tokens, signed by the platform's key."""

    def __init__(self, tenancy: Tenancy, keys: Keyring, issuers: Issuers, clock: Clock, entropy: Entropy) -> None:
        self._tenancy = tenancy
        self._keys = keys
        self._issuers = issuers
        self._clock = clock
        self._entropy = entropy

    def issue(
        self, work: Work, subject: str, subject_type: str, tenant_id: str, *,
        issuer: str = "", lifetime_s: int = LIFETIME_S, **claims: Any,
    ) -> Issued:  # fmt: skip
        """Signs an access token for `subject` in organization `tenant_id`; costs one RSA signature."""
        facts = {"sub_type": subject_type, "context_name": tenant_id, "jti": new_id(self._entropy), **claims}
        return self._sign(work, issuer, [self._issuers.audience], subject, lifetime_s, facts)

    def identify(self, work: Work, subject: str, audience: str, *, issuer: str = "", **claims: Any) -> str:
        """Signs an identity token (OpenID Connect Core §2) about `subject`, for a client or dialect; one signature."""
        if audience == self._issuers.audience:
            raise ValueError("an identity token for the platform itself would be an access token")
        return self._sign(work, issuer, [audience], subject, LIFETIME_S, claims).token

    def _sign(
        self, work: Work, issuer: str, audience: list[str], subject: str, lifetime_s: int, claims: dict[str, Any]
    ) -> Issued:
        now = self._clock.now_ms() // 1000
        document = {
            "iss": issuer or self._issuers.public_url, "aud": audience, "sub": subject, "iat": now,
            "exp": now + lifetime_s, **claims,
        }  # fmt: skip
        system = self._tenancy.find(work, SYSTEM_ID)
        if system is None:
            raise RuntimeError("the system organization is missing; run `ostiary init`")
        return Issued(jwt.encode(self._keys.signer(work, system), document), now, now + lifetime_s)
