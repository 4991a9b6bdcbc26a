"""Rotation of signing keys: next → active → retired.

The next key is in the JWKS before it signs, so that verifiers which cache key sets know it already; a retired one stays
there until no token that it signed can be valid.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, delete, func, select, update

from ostiary.errors import conflict
from ostiary.keys.keyring import lock_tenant
from ostiary.store.tables import SigningKey, table_of
from ostiary.store.tenancy import touch
from ostiary.store.work import Work

KEY_SET_AGE_S = 300
"""The time for which caches may keep a key set: the max-age of the answers that contain one."""
LONGEST_TOKEN_LIFE_MS = 90 * 86_400_000
"""The longest lifetime of a token that a key signs: the upper bound of `anonymousAccess.expires_in`."""
_KEYS = table_of(SigningKey)


def rotate(work: Work, fresh: SigningKey, now_ms: int, *, at_once: bool = False) -> str:
    """The next key of the tenant signs from the next request on, and `fresh` is the next one; the kid that signs now.

    Raises KEY_NOT_KNOWN_YET when a cache may still hold a key set without the next key, unless `at_once`. The tenant
    must have its keys (`Keyring.ensure`). Raises TENANT_NOT_FOUND.
    """
    lock_tenant(work, fresh.tenant_id)
    mine = _those_like(fresh)
    row = work.row(select(_KEYS.c.id, _KEYS.c.created_at).where(mine, _KEYS.c.state == "next"))
    if row is None:
        raise conflict("KEY_NOT_KNOWN_YET", "There is no next key; repeat in a moment.")
    if not at_once:
        _refuse_unknown(work, mine, row.created_at, now_ms)
    work.run(update(_KEYS).where(mine, _KEYS.c.state == "active").values(state="retired", retired_at=now_ms))
    work.run(update(_KEYS).where(_KEYS.c.id == row.id).values(state="active"))
    work.add(fresh)
    touch(work, fresh.tenant_id)
    return str(row.id)


def announce_or_rotate(work: Work, fresh: Sequence[SigningKey], now_ms: int) -> bool:
    """Rotates keys that nobody fetches by itself, those of SAML, in two steps: the first one announces the `fresh`
    keys, one for each use, as next ones; the second one takes those into use, and retires those before. Says whether it
    was the second. Raises TENANT_NOT_FOUND."""
    tenant_id, uses = fresh[0].tenant_id, [key.use for key in fresh]
    lock_tenant(work, tenant_id)
    theirs = and_(_KEYS.c.tenant_id == tenant_id, _KEYS.c.use.in_(uses))
    announced = {row.use for row in work.rows(select(_KEYS.c.use).where(theirs, _KEYS.c.state == "next"))}
    if announced == set(uses):
        work.run(update(_KEYS).where(theirs, _KEYS.c.state == "active").values(state="retired", retired_at=now_ms))
        work.run(update(_KEYS).where(theirs, _KEYS.c.state == "next").values(state="active"))
    else:
        work.add(*(key for key in fresh if key.use not in announced))
    touch(work, tenant_id)
    return announced == set(uses)


def _refuse_unknown(work: Work, mine: ColumnElement[bool], published_at: int, now_ms: int) -> None:
    """Refuses a rotation while cached key sets may not contain the next key: those made before it was created."""
    oldest = work.row(select(func.min(_KEYS.c.created_at)).where(mine))
    left_s = KEY_SET_AGE_S - (now_ms - published_at) // 1000
    if oldest is not None and oldest[0] < published_at and left_s > 0:
        raise conflict(
            "KEY_NOT_KNOWN_YET",
            f"the next key is published since {KEY_SET_AGE_S - left_s} s only, and caches may keep the key set without "
            f"it for {KEY_SET_AGE_S} s: rotate in {left_s} s, or now with --now, and tokens may be refused until then",
        )


def revoke(work: Work, fresh: list[SigningKey]) -> str:
    """Deletes the keys of a tenant, which makes every token that they signed invalid: for a key that was stolen.
    `fresh` are the keys that replace them (`first_keys`). Returns the kid that signs now.

    The next key is deleted too, since it was stored in the same place. Raises TENANT_NOT_FOUND.
    """
    lock_tenant(work, fresh[0].tenant_id)
    work.run(delete(_KEYS).where(_those_like(fresh[0])))
    work.add(*fresh)
    touch(work, fresh[0].tenant_id)
    return next(key.id for key in fresh if key.state == "active")


def _those_like(key: SigningKey) -> ColumnElement[bool]:
    return and_(_KEYS.c.tenant_id == key.tenant_id, _KEYS.c.use == key.use)


def drop_retired(work: Work, now_ms: int) -> int:
    """Deletes the keys that no living token can need any more; how many."""
    old = (_KEYS.c.state == "retired") & (_KEYS.c.retired_at <= now_ms - LONGEST_TOKEN_LIFE_MS)
    owners = {row.tenant_id for row in work.rows(select(_KEYS.c.tenant_id).where(old))}
    dropped = work.run(delete(_KEYS).where(old)) if owners else 0
    for tenant_id in owners:
        touch(work, tenant_id)
    return dropped
