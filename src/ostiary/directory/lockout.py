"""Users who are locked after wrong passwords in a row: one policy, whichever way the passwords came."""

from __future__ import annotations

from ostiary.directory.advanced_passwords import Lockout
from ostiary.directory.stored_passwords import set_failures, stored_password
from ostiary.store.tables import User
from ostiary.store.work import Work


def is_locked(locked_until: int | None, now_ms: int) -> bool:
    """Whether a user's `locked_until` lies ahead; at that moment itself the user is free."""
    return locked_until is not None and locked_until > now_ms


def count_failure(work: Work, tenant_id: str, user_id: str, policy: Lockout, now_ms: int) -> None:
    """Counts a wrong password, and locks the user at the last one that the policy allows.

    Exact whatever comes at once: every answer passes here or `clear_failures` under the user's lock, and a right
    password whose turn comes after the lock is refused like a wrong one.
    """
    user = work.get(User, user_id, lock=True)
    password = stored_password(work, tenant_id, user_id)
    if user is None or user.tenant_id != tenant_id or password is None or is_locked(user.locked_until, now_ms):
        return
    failures = password.failures + 1
    if failures >= policy.attempts:
        user.locked_until, failures = now_ms + policy.seconds * 1000, 0
        work.flush()
    set_failures(work, tenant_id, user_id, failures)
