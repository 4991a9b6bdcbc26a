"""Storage of passwords: the one module that writes hashes, and applies the tenant's policies to them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, String, bindparam, delete, func, insert, literal, select, update

from ostiary.directory.passwords.advanced_policies import ADVANCED_PASSWORDS, PasswordPolicies
from ostiary.store.prepared import prepared
from ostiary.store.tables import Password, PastPassword, WrongPassword, table_of, unindexed
from ostiary.store.work import Work

_PASSWORDS, _PAST, _WRONG = table_of(Password), table_of(PastPassword), table_of(WrongPassword)
_OF_USER = (_PASSWORDS.c.tenant_id == bindparam("of_tenant"), _PASSWORDS.c.user_id == bindparam("of_user"))
_FIND = prepared(select(
    _PASSWORDS.c.hash, _PASSWORDS.c.changed_at, _PASSWORDS.c.valid_until, _PASSWORDS.c.expires_always,
    _PASSWORDS.c.failures,
).where(*_OF_USER))  # fmt: skip
_ADD = prepared(insert(_PASSWORDS))


def _first_from(least: ColumnElement[str]) -> ColumnElement[str]:
    others = _PASSWORDS.alias()
    return (
        select(func.min(others.c.user_id))
        .where(others.c.tenant_id == bindparam("of_tenant"), others.c.user_id >= least)
        .scalar_subquery()
    )


_DECOY = prepared(select(_PASSWORDS.c.hash).where(
    _PASSWORDS.c.tenant_id == bindparam("of_tenant"),
    _PASSWORDS.c.user_id == func.coalesce(_first_from(bindparam("least", type_=String())), _first_from(literal(""))),
))  # fmt: skip
_REHASH = update(_PASSWORDS).where(*_OF_USER).values(hash=bindparam("fresh"))
_COUNT = prepared(update(_PASSWORDS).where(*_OF_USER).values(failures=bindparam("wrong")))
_FORGET = prepared(
    delete(_WRONG).where(_WRONG.c.tenant_id == bindparam("of_tenant"), _WRONG.c.user_id == bindparam("of_user"))
)
_PAST_OF_USER = (
    select(_PAST.c.id, _PAST.c.hash)
    .where(_PAST.c.tenant_id == bindparam("of_tenant"), _PAST.c.user_id == bindparam("of_user"))
    .order_by(_PAST.c.id.desc())
)

_CURRENT_OF_USERS = select(
    _PASSWORDS.c.user_id, _PASSWORDS.c.hash, _PASSWORDS.c.changed_at, _PASSWORDS.c.valid_until,
    _PASSWORDS.c.expires_always, _PASSWORDS.c.failures,
).where(
    unindexed(_PASSWORDS.c.tenant_id) == bindparam("of_tenant"),
    _PASSWORDS.c.user_id.in_(bindparam("of_users", expanding=True)),
)  # fmt: skip
_PAST_OF_USERS = (
    select(_PAST.c.user_id, _PAST.c.hash)
    .where(
        unindexed(_PAST.c.tenant_id) == bindparam("of_tenant"),
        _PAST.c.user_id.in_(bindparam("of_users", expanding=True)),
    )
    .order_by(_PAST.c.user_id, _PAST.c.id.desc())
)


@dataclass(frozen=True, slots=True)
class StoredPassword:
    """A user's password. Times are UTC milliseconds; `failures`: wrong ones in a row since the last right one.

    `valid_until` is what the tenant's policy said when it was set, and holds while the tenant lets passwords expire;
    with `expires_always` it was said of this person (an import brought it), and holds in any case.
    """

    hash: str
    changed_at: int
    valid_until: int | None
    expires_always: bool
    failures: int

    def has_expired(self, now_ms: int) -> bool:
        """Whether its time is over, if that holds; at `valid_until` itself it is."""
        return self.valid_until is not None and self.valid_until <= now_ms

    def ends_at(self, *, expires: bool) -> int | None:
        """Returns when the password expires; None: never. `expires`: whether the tenant lets passwords expire."""
        return self.valid_until if self.expires_always or expires else None


def find_stored_password(work: Work, tenant_id: str, user_id: str) -> StoredPassword | None:
    """The user's password, or None where there is no user or no password."""
    row = work.row(_FIND, {"of_tenant": tenant_id, "of_user": user_id})
    return StoredPassword(**row._asdict()) if row else None


def find_decoy_hash(work: Work, tenant_id: str, subject: str) -> str | None:
    """The hash of one of the tenant's users, for the same `subject` always the same user's; None where nobody has one.

    `subject` is hexadecimal digits, spread evenly: user ids are random, so of many subjects as many get a hash of a
    certain kind as there are users with one.
    """
    row = work.row(_DECOY, {"of_tenant": tenant_id, "least": subject})
    return row.hash if row else None


def last_hashes(work: Work, tenant_id: str, user_id: str, count: int) -> list[str]:
    """The hashes of the user's last `count` passwords, the present one first."""
    current = find_stored_password(work, tenant_id, user_id)
    past = work.rows(_PAST_OF_USER, {"of_tenant": tenant_id, "of_user": user_id})
    return [*([current.hash] if current else []), *(row.hash for row in past)][:count]


def set_password_hash(work: Work, tenant_id: str, user_id: str, phc: str, now_ms: int) -> None:
    """Stores the hash of a new password, also where there was none. Lock the user's row first.

    The replaced hash is kept while the tenant refuses reuse. When the new password expires is decided now.
    """
    policies = ADVANCED_PASSWORDS.load(work, tenant_id)
    _remember(work, tenant_id, user_id, policies.remembered, now_ms)
    change = _new(phc, policies, now_ms)
    row = {"tenant_id": tenant_id, "user_id": user_id, **change}
    work.run(work.insert(_PASSWORDS).values(row).on_conflict_do_update(index_elements=["user_id"], set_=change))


def set_first_password(work: Work, tenant_id: str, user_id: str, phc: str, now_ms: int) -> None:
    """Stores the hash of the password of a user who was just made."""
    change = _new(phc, ADVANCED_PASSWORDS.load(work, tenant_id), now_ms)
    work.run(_ADD, {"tenant_id": tenant_id, "user_id": user_id, **change})


def _new(phc: str, policies: PasswordPolicies, now_ms: int) -> dict[str, Any]:
    lifetime = policies.lifetime_ms
    return {
        "hash": phc, "changed_at": now_ms, "failures": 0, "expires_always": False,
        "valid_until": None if lifetime is None else now_ms + lifetime,
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class CarriedPassword:
    """A password that an import brings. What it does not say (None) is as of a password that is set now; what it says
    of its end holds whatever the tenant's policy is. `past` are hashes, newest first."""

    user_id: str
    hash: str
    past: Sequence[str]
    changed_at: int | None
    valid_until: int | None


def bring_passwords(work: Work, tenant_id: str, carried: Iterable[CarriedPassword], now_ms: int) -> None:
    """Stores the passwords of new users, in two statements however many they are."""
    lifetime = ADVANCED_PASSWORDS.load(work, tenant_id).lifetime_ms
    default = None if lifetime is None else now_ms + lifetime
    rows, past = [], []
    for one in carried:
        row = {"tenant_id": tenant_id, "user_id": one.user_id}
        changed_at = now_ms if one.changed_at is None else one.changed_at
        valid_until = default if one.valid_until is None else one.valid_until
        ends = {"valid_until": valid_until, "expires_always": one.valid_until is not None}
        rows.append({**row, "hash": one.hash, "changed_at": changed_at, **ends, "failures": 0})
        # The latest has the highest id, so the oldest goes in first.
        past += [{**row, "hash": phc, "replaced_at": changed_at} for phc in reversed(one.past)]
    for table, new in ((_PASSWORDS, rows), (_PAST, past)):
        if new:
            work.run(insert(table), new)


def set_fresh_hash(work: Work, tenant_id: str, user_id: str, phc: str) -> None:
    """Stores another hash of the same password, which is no change of it."""
    work.run(_REHASH, {"of_tenant": tenant_id, "of_user": user_id, "fresh": phc})


def set_failures(work: Work, tenant_id: str, user_id: str, failures: int) -> None:
    """Stores the number of wrong passwords in a row. Lock the user's row first."""
    work.run(_COUNT, {"of_tenant": tenant_id, "of_user": user_id, "wrong": failures})


def forget_failures(work: Work, tenant_id: str, user_id: str) -> None:
    """The row of wrong passwords begins anew. Hold the user's row."""
    set_failures(work, tenant_id, user_id, 0)
    work.run(_FORGET, {"of_tenant": tenant_id, "of_user": user_id})


def passwords_of(
    work: Work, tenant_id: str, user_ids: Sequence[str]
) -> tuple[dict[str, StoredPassword], dict[str, list[str]]]:
    """The passwords of these users, and the hashes of their past ones, newest first; both by user."""
    asked = {"of_tenant": tenant_id, "of_users": list(user_ids)}
    current = {
        row.user_id: StoredPassword(row.hash, row.changed_at, row.valid_until, row.expires_always, row.failures)
        for row in work.rows(_CURRENT_OF_USERS, asked)
    }
    past: dict[str, list[str]] = {}
    for row in work.rows(_PAST_OF_USERS, asked):
        past.setdefault(row.user_id, []).append(row.hash)
    return current, past


def _remember(work: Work, tenant_id: str, user_id: str, count: int, now_ms: int) -> None:
    """Keeps count - 1 past passwords, since the new one is the first of the last `count`."""
    current = find_stored_password(work, tenant_id, user_id)
    if current is None:
        return
    if count > 1:
        row = {"tenant_id": tenant_id, "user_id": user_id, "hash": current.hash, "replaced_at": now_ms}
        work.run(insert(_PAST).values(row))
    past = work.rows(_PAST_OF_USER, {"of_tenant": tenant_id, "of_user": user_id})
    superfluous = [row.id for row in past[max(count - 1, 0) :]]
    if superfluous:
        work.run(delete(_PAST).where(_PAST.c.tenant_id == tenant_id, _PAST.c.id.in_(superfluous)))
