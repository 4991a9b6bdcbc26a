"""Codes that are sent to a user and act once. Only their digest is stored."""

from __future__ import annotations

from ostiary.ids import Entropy, digest, new_secret
from ostiary.store.tables import OneTimeCode
from ostiary.store.work import Work


def new_code(
    work: Work, tenant_id: str, user_id: str, kind: str, entropy: Entropy, now_ms: int, lifetime_s: int
) -> str:
    """A new code of a kind, for `lifetime_s` seconds: 256 random bits in base64url."""
    code = new_secret(entropy)
    work.add(
        OneTimeCode(
            digest=digest(code), tenant_id=tenant_id, user_id=user_id, kind=kind, created_at=now_ms,
            expires_at=now_ms + lifetime_s * 1000,
        )
    )  # fmt: skip
    return code
