"""Lockout of users after several wrong passwords in a row: one policy for every way in which a password is sent."""

from __future__ import annotations

from typing import Protocol

from sqlalchemy import bindparam, select

from ostiary.directory.passwords.advanced_policies import Lockout
from ostiary.directory.passwords.stored import find_stored_password, forget_failures, set_failures
from ostiary.store.prepared import prepared
from ostiary.store.tables import User, WrongPassword, table_of
from ostiary.store.work import Work

SKEW_MS = 5_000
"""The difference that is accepted between the clocks of replicas."""
REPEATED_MS = 10_000
"""The time for which the same wrong password is counted once. OAuth libraries send a refused one again at once, by
another way of client authentication, and people press a button twice: an attacker learns nothing by it."""
_WRONG = table_of(WrongPassword)
_LAST = prepared(
    select(_WRONG.c.digest, _WRONG.c.expires_at).where(
        _WRONG.c.tenant_id == bindparam("of_tenant"), _WRONG.c.user_id == bindparam("of_user")
    )
)


class Lockable(Protocol):
    """An object that can be locked: it has a `locked_until`."""

    @property
    def locked_until(self) -> int | None:
        """UTC milliseconds; None when it never was."""
        ...

    @property
    def lock_seconds(self) -> int:
        """Returns for how long wrong passwords lock the user; 0 when a caller set `locked_until`."""
        ...


def is_locked(user: Lockable, now_ms: int) -> bool:
    """Whether a user's `locked_until` is in the future; at that moment itself the user is no longer locked.

    A lock for wrong passwords never ends later than its own length from now. One that would was set while a clock was
    ahead; it is ignored.
    """
    if user.locked_until is None or user.locked_until <= now_ms:
        return False
    return not user.lock_seconds or user.locked_until <= now_ms + user.lock_seconds * 1000 + SKEW_MS


def count_failure(work: Work, tenant_id: str, user_id: str, wrong: str, policy: Lockout, now_ms: int) -> None:
    """Counts a wrong password, and locks the user at the last one that the policy allows.

    `wrong` is a keyed digest of it: the last one that was counted is not counted again for REPEATED_MS. The count is
    exact also with concurrent sign-ins: each of them calls this function or `admit` while it holds the lock on the
    user's row, and a right password that is checked after the user was locked is refused like a wrong one. What is
    written is the same whether it counts or not.
    """
    user = work.get(User, user_id, lock=True)
    password = find_stored_password(work, tenant_id, user_id)
    if user is None or user.tenant_id != tenant_id or password is None or is_locked(user, now_ms):
        return
    last = work.row(_LAST, {"of_tenant": tenant_id, "of_user": user_id})
    repeated = last is not None and last.digest == wrong and now_ms < last.expires_at <= now_ms + REPEATED_MS
    failures = password.failures if repeated else password.failures + 1
    if failures >= policy.attempts:
        user.locked_until, user.lock_seconds = now_ms + policy.seconds * 1000, policy.seconds
        work.flush()
        forget_failures(work, tenant_id, user_id)
        return
    set_failures(work, tenant_id, user_id, failures)
    _remember(work, tenant_id, user_id, wrong, last.expires_at if last and repeated else now_ms + REPEATED_MS)


def _remember(work: Work, tenant_id: str, user_id: str, wrong: str, expires_at: int) -> None:
    said = {"digest": wrong, "expires_at": expires_at}
    row = {"tenant_id": tenant_id, "user_id": user_id, **said}
    work.run(work.insert(_WRONG).values(row).on_conflict_do_update(index_elements=["user_id"], set_=said))
