"""Recovery codes: ten codes on paper, each good for one sign-in of somebody who has lost the other factors."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence

from ostiary.directory.factors.factors import (
    RECOVERY,
    FactorView,
    NewFactor,
    add_factor,
    list_factors,
    lock_factors,
    remove_factor,
    seal_again,
    secret_of,
    use_factor,
)
from ostiary.directory.factors.typed import typed_code
from ostiary.ids import Entropy, digest, same
from ostiary.keys.sealing import Sealing
from ostiary.store.replay import use_once
from ostiary.store.work import Work

CODES = 10
_KIND = "recovery code"
_REMEMBERED_MS = 90 * 86_400_000
"""The time for which a used code is remembered beside the factor: a backup that is restored brings the code back."""
_BYTES = 10
"""80 random bits: nobody finds a code by its digest, even with the master key."""


def new_recovery_codes(
    work: Work, sealing: Sealing, tenant_id: str, user_id: str, entropy: Entropy, now_ms: int
) -> tuple[str, Sequence[str]]:
    """The id of a new factor, and its ten codes, to be shown once; those before them are void. Only their digests are
    kept, sealed. Raises USER_NOT_FOUND, TOO_MANY_FACTORS."""
    lock_factors(work, tenant_id, user_id)
    for old in (factor for factor in list_factors(work, tenant_id, user_id) if factor.kind == RECOVERY):
        remove_factor(work, tenant_id, user_id, old.id)
    codes = [_new_code(entropy) for _ in range(CODES)]
    secret = json.dumps([digest(typed_code(code)) for code in codes])
    id = add_factor(work, sealing, tenant_id, user_id, NewFactor(RECOVERY, secret=secret), entropy, now_ms)
    return id, codes


def is_recovery_code(work: Work, sealing: Sealing, tenant_id: str, user_id: str, code: str) -> bool:
    """Whether a code is an unused one of the user's. Only `use_recovery_code` says who may use it."""
    given = digest(typed_code(code))
    factors = [factor for factor in list_factors(work, tenant_id, user_id) if factor.kind == RECOVERY]
    return any(same(one, given) for factor in factors for one in _digests(sealing, tenant_id, factor))


def use_recovery_code(
    work: Work, sealing: Sealing, tenant_id: str, user_id: str, code: str, now_ms: int
) -> bool:  # fmt: skip
    """Uses a code up; False where it is none of the user's, or was used before. Of two at once one is True."""
    lock_factors(work, tenant_id, user_id)
    factors = list_factors(work, tenant_id, user_id)
    factor = next((factor for factor in factors if factor.kind == RECOVERY), None)
    left = [] if factor is None else _digests(sealing, tenant_id, factor)
    found = [one for one in left if same(one, digest(typed_code(code)))]
    if factor is None or not found:
        return False
    kept = [one for one in left if one not in found]
    seal_again(work, sealing, tenant_id, user_id, factor.id, json.dumps(kept))
    use_factor(work, tenant_id, user_id, factor.id, now_ms)
    return use_once(work, tenant_id, _KIND, found[0], now_ms + _REMEMBERED_MS)


def codes_left(sealing: Sealing, tenant_id: str, factors: Sequence[FactorView]) -> int:
    """How many unused recovery codes are among these factors of a person."""
    return sum(len(_digests(sealing, tenant_id, factor)) for factor in factors if factor.kind == RECOVERY)


def _digests(sealing: Sealing, tenant_id: str, factor: FactorView) -> list[str]:
    digests: list[str] = json.loads(secret_of(sealing, tenant_id, factor) or "[]")
    return digests


def _new_code(entropy: Entropy) -> str:
    text = base64.b32encode(entropy.token_bytes(_BYTES)).decode().lower()
    return "-".join(text[start : start + 4] for start in range(0, len(text), 4))
