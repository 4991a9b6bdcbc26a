"""Change of a user's password: checked and hashed first, then stored in one short transaction."""

from __future__ import annotations

from dataclasses import dataclass

from ostiary.clock import Clock
from ostiary.directory.passwords.advanced_policies import ADVANCED_PASSWORDS, HOUR_MS
from ostiary.directory.passwords.lockout import SKEW_MS
from ostiary.directory.passwords.passwords import Passwords
from ostiary.directory.passwords.policy import check_new_password
from ostiary.directory.passwords.stored import StoredPassword, find_stored_password, last_hashes, set_password_hash
from ostiary.directory.users.users import get_user, lock_user
from ostiary.errors import conflict, invalid
from ostiary.store.engine import Store
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work


@dataclass(frozen=True, slots=True)
class PreparedPassword:
    """A new password of a user with nothing slow left to do; `replaces` is the hash that it was compared with."""

    user_id: str
    hash: str
    replaces: str | None


class PasswordChange:
    """The two phases of every change of a password: `prepare` outside any transaction, then `store` in one."""

    def __init__(self, store: Store, clock: Clock, passwords: Passwords) -> None:
        self._store = store
        self._clock = clock
        self._passwords = passwords

    def prepare(self, tenant: TenantView, user_id: str, password: str, *, by_user: bool = False) -> PreparedPassword:
        """Raises USER_NOT_FOUND, what `check_new_password` raises, PASSWORD_REUSED, and 429 HASHING_BUSY. `by_user`:
        also PASSWORD_CHANGED_RECENTLY, which `store` would raise later."""
        with self._store.read() as work:
            user = get_user(work, tenant.id, user_id)
            check_new_password(work, tenant, password, [user.user_name, *(email.value for email in user.emails)])
            current = find_stored_password(work, tenant.id, user_id)
            if by_user:
                self._check_interval(work, tenant.id, current)
            refused = last_hashes(work, tenant.id, user_id, ADVANCED_PASSWORDS.read(work, tenant).remembered)
        if any(self._passwords.verify(tenant.id, phc, password) for phc in refused):
            message = f"The password is one of the last {len(refused)} of this user; choose another."
            raise invalid("PASSWORD_REUSED", message, scim_type="invalidValue")
        return PreparedPassword(
            user_id, self._passwords.hash(tenant.id, password), current.hash if current else None
        )  # fmt: skip

    def store(self, work: Work, tenant_id: str, prepared: PreparedPassword, *, by_user: bool) -> None:
        """Stores it. `by_user`: users must keep a password as long as the tenant says, administrators need not.

        Raises USER_NOT_FOUND, PASSWORD_CHANGED_RECENTLY (400), PASSWORD_CHANGED_MEANWHILE (409).
        """
        # Lock, then look: of two changes at once the second must see the first.
        lock_user(work, tenant_id, prepared.user_id)
        current = find_stored_password(work, tenant_id, prepared.user_id)
        if by_user:
            self._check_interval(work, tenant_id, current)
        if (current.hash if current else None) != prepared.replaces:
            raise conflict("PASSWORD_CHANGED_MEANWHILE", "The password was changed by another request; repeat.")
        set_password_hash(work, tenant_id, prepared.user_id, prepared.hash, self._clock.now_ms())

    def _check_interval(self, work: Work, tenant_id: str, current: StoredPassword | None) -> None:
        interval, now_ms = ADVANCED_PASSWORDS.load(work, tenant_id).change_interval_ms, self._clock.now_ms()
        # One that was changed later than now was changed by a clock that was ahead.
        if current and current.changed_at - SKEW_MS <= now_ms < current.changed_at + interval:
            raise _too_soon(current.changed_at + interval - now_ms)


def _too_soon(left_ms: int) -> Exception:
    hours = -(-left_ms // HOUR_MS)
    message = f"The password was changed a short time ago; it can be changed again in {hours} hours or less."
    return invalid("PASSWORD_CHANGED_RECENTLY", message, scim_type="invalidValue")
