"""Enrolled factors of directory users: the one module that writes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import bindparam, delete, func, insert, select, update

from ostiary.errors import conflict, not_found
from ostiary.ids import Entropy, new_id
from ostiary.keys.sealing import SealedField, Sealing
from ostiary.names import check_name
from ostiary.store.prepared import prepared
from ostiary.store.tables import Factor, User, table_of
from ostiary.store.work import Work

TOTP, EMAIL, SMS, RECOVERY, PASSKEY = "totp", "email", "sms", "recovery", "passkey"
"""The kinds: an authenticator app, codes by mail or text message, recovery codes, a passkey."""
OWN = frozenset({TOTP, PASSKEY})
"""Kinds that people choose themselves: whoever has one of them is asked for a second factor in any case."""
MAX_FACTORS = 20
"""Factors of one person."""
MAX_NAME = 64

_FACTORS, _USERS = table_of(Factor), table_of(User)
_OF_USER = (_FACTORS.c.tenant_id == bindparam("of_tenant"), _FACTORS.c.user_id == bindparam("of_user"))
_ONE = (*_OF_USER, _FACTORS.c.id == bindparam("factor_id"))
_LIST = prepared(
    select(
        _FACTORS.c.id, _FACTORS.c.kind, _FACTORS.c.name, _FACTORS.c.target, _FACTORS.c.counter, _FACTORS.c.created_at,
        _FACTORS.c.last_used_at, _FACTORS.c.sealed_secret,
    )
    .where(*_OF_USER)
    .order_by(_FACTORS.c.created_at, _FACTORS.c.id)
)  # fmt: skip
_LOCK_USER = (
    select(_USERS.c.id)
    .where(_USERS.c.tenant_id == bindparam("of_tenant"), _USERS.c.id == bindparam("of_user"))
    .with_for_update()
)
_COUNT = select(func.count()).select_from(_FACTORS).where(*_OF_USER)
_ADD = insert(_FACTORS)
_REMOVE = delete(_FACTORS).where(*_ONE)
_USED = prepared(
    update(_FACTORS)
    .where(*_ONE, _FACTORS.c.counter < bindparam("counted"))
    .values(counter=bindparam("counted"), last_used_at=bindparam("now_ms"))
)
_TOUCHED = prepared(update(_FACTORS).where(*_ONE).values(last_used_at=bindparam("now_ms")))


@dataclass(frozen=True, slots=True)
class FactorView:
    """A factor of a person. `target` is the address or number to which codes go, else empty. `counter` grows with each
    use. Times are UTC milliseconds."""

    id: str
    kind: str
    name: str
    target: str
    counter: int
    created_at: int
    last_used_at: int | None
    sealed_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NewFactor:
    """A factor to be enrolled; `secret` is sealed before it is stored."""

    kind: str
    name: str = ""
    target: str = ""
    secret: str = field(default="", repr=False)
    counter: int = 0


def list_factors(work: Work, tenant_id: str, user_id: str) -> Sequence[FactorView]:
    """The factors of a person, the oldest first."""
    rows = work.rows(_LIST, {"of_tenant": tenant_id, "of_user": user_id})
    return [FactorView(**row._asdict()) for row in rows]


def get_factor(work: Work, tenant_id: str, user_id: str, id: str) -> FactorView:
    """One factor of a person. Raises FACTOR_NOT_FOUND."""
    found = next((factor for factor in list_factors(work, tenant_id, user_id) if factor.id == id), None)
    if found is None:
        raise not_found("FACTOR_NOT_FOUND", "The user has no such factor.")
    return found


def secret_of(sealing: Sealing, tenant_id: str, factor: FactorView) -> str:
    """The secret of a factor; empty if it has none."""
    if not factor.sealed_secret:
        return ""
    return sealing.open(factor.sealed_secret, _place(tenant_id, factor.id)).decode()


def lock_factors(work: Work, tenant_id: str, user_id: str) -> bool:
    """Lets nobody else change the person's factors until the transaction ends; False if there is no such person."""
    return work.row(_LOCK_USER, {"of_tenant": tenant_id, "of_user": user_id}) is not None


def add_factor(
    work: Work, sealing: Sealing, tenant_id: str, user_id: str, new: NewFactor, entropy: Entropy, now_ms: int
) -> str:
    """Enrols a factor; its id. Raises USER_NOT_FOUND, TOO_MANY_FACTORS (409), INVALID_NAME."""
    if new.name:
        check_name("name", new.name, MAX_NAME)
    if not lock_factors(work, tenant_id, user_id):
        raise not_found("USER_NOT_FOUND", "There is no such user.")
    count = work.row(_COUNT, {"of_tenant": tenant_id, "of_user": user_id})
    if count is not None and count[0] >= MAX_FACTORS:
        raise conflict("TOO_MANY_FACTORS", f"A user has at most {MAX_FACTORS} factors. Remove one first.")
    id = new_id(entropy)
    sealed = sealing.seal(new.secret.encode(), _place(tenant_id, id)) if new.secret else ""
    row = Factor(
        id=id, tenant_id=tenant_id, user_id=user_id, kind=new.kind, name=new.name, target=new.target,
        sealed_secret=sealed, counter=new.counter, created_at=now_ms,
    )  # fmt: skip
    work.run(_ADD, row.model_dump())
    return id


def remove_factor(work: Work, tenant_id: str, user_id: str, id: str) -> Sequence[FactorView]:
    """Removes a factor; with the last one of the person's own (OWN) go the recovery codes, which stand for it. Returns
    what is gone, the factor first. Raises FACTOR_NOT_FOUND."""
    factor = get_factor(work, tenant_id, user_id, id)
    if not work.run(_REMOVE, _key(tenant_id, user_id, id)):
        raise not_found("FACTOR_NOT_FOUND", "The user has no such factor.")
    left = list_factors(work, tenant_id, user_id)
    if any(one.kind in OWN for one in left):
        return [factor]
    recovery = [one for one in left if one.kind == RECOVERY]
    for one in recovery:
        work.run(_REMOVE, _key(tenant_id, user_id, one.id))
    return [factor, *recovery]


def use_factor(work: Work, tenant_id: str, user_id: str, id: str, now_ms: int, counter: int | None = None) -> bool:
    """Notes that a factor was used. With a `counter`, only if that is greater than the one before: of two uses at once
    with the same one exactly one is True. False as well where the factor was removed."""
    if counter is None:
        return bool(work.run(_TOUCHED, {**_key(tenant_id, user_id, id), "now_ms": now_ms}))
    return bool(work.run(_USED, {**_key(tenant_id, user_id, id), "now_ms": now_ms, "counted": counter}))


def seal_again(work: Work, sealing: Sealing, tenant_id: str, user_id: str, id: str, secret: str) -> None:
    """Replaces the secret of a factor. Call `lock_factors` first."""
    changed = update(_FACTORS).where(*_ONE).values(sealed_secret=sealing.seal(secret.encode(), _place(tenant_id, id)))
    work.run(changed, _key(tenant_id, user_id, id))


def _key(tenant_id: str, user_id: str, id: str) -> dict[str, str]:
    return {"of_tenant": tenant_id, "of_user": user_id, "factor_id": id}


def _place(tenant_id: str, id: str) -> SealedField:
    return SealedField(tenant_id, _FACTORS.name, id, "sealed_secret")
