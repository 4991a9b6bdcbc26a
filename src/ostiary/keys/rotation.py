"""Signing keys change: next → active → retired.

The next key stands in the JWKS before it signs, so that verifiers which cache key sets know it already; a retired one
stays there until no token that it signed can be alive.
"""

from __future__ import annotations

from sqlalchemy import delete, select, update

from ostiary.errors import not_found
from ostiary.keys.keyring import TOKEN, new_key
from ostiary.keys.sealing import Sealing
from ostiary.store.engine import Store
from ostiary.store.tables import SigningKey, Tenant, table_of
from ostiary.store.tenancy import touch
from ostiary.store.work import Work

LONGEST_TOKEN_LIFE_MS = 90 * 86_400_000
"""No token that a key signs lives longer: the upper bound of `anonymousAccess.expires_in`."""
_KEYS = table_of(SigningKey)


def rotate(
    store: Store, sealing: Sealing, tenant_id: str, now_ms: int, *, use: str = TOKEN, revoke: bool = False
) -> str:
    """The next key signs from the next request on, and another next one is made; the kid that signs now.

    `revoke` throws the old keys away, and with them every token that they signed: for a key that leaked. The next key
    goes too, since it lay in the same place. Generating takes 50–500 ms and happens outside the transaction.
    """
    fresh = [new_key(sealing, tenant_id, use, now_ms + step, "next") for step in range(2)]
    with store.write() as work:
        if work.get(Tenant, tenant_id, lock=True) is None:  # two rotations at once take turns on the tenant
            raise not_found("TENANT_NOT_FOUND", f"There is no tenant {tenant_id}.")
        mine = (_KEYS.c.tenant_id == tenant_id) & (_KEYS.c.use == use)
        if revoke:
            work.run(delete(_KEYS).where(mine))
        waiting = work.row(select(_KEYS.c.id).where(mine, _KEYS.c.state == "next"))
        work.run(update(_KEYS).where(mine, _KEYS.c.state == "active").values(state="retired", retired_at=now_ms))
        work.add(*(fresh[1:] if waiting else fresh))
        active: str = waiting.id if waiting else fresh[0].id
        work.run(update(_KEYS).where(_KEYS.c.id == active).values(state="active"))
        touch(work, tenant_id)
        return active


def drop_retired(work: Work, now_ms: int) -> int:
    """Deletes the keys that no living token can need any more; how many."""
    old = (_KEYS.c.state == "retired") & (_KEYS.c.retired_at <= now_ms - LONGEST_TOKEN_LIFE_MS)
    owners = {row.tenant_id for row in work.rows(select(_KEYS.c.tenant_id).where(old))}
    dropped = work.run(delete(_KEYS).where(old)) if owners else 0
    for tenant_id in owners:
        touch(work, tenant_id)
    return dropped
