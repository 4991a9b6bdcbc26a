"""New users from outside: checked and hashed first, then stored in one short transaction with the mails they cause."""

from __future__ import annotations

from dataclasses import dataclass

from ostiary.clock import Clock
from ostiary.delivery.outbox import USER_VERIFICATION, WELCOME, Outbox
from ostiary.directory.cloud_directory import CLOUD_DIRECTORY, asks_for_confirmation
from ostiary.directory.one_time_codes import new_code
from ostiary.directory.password_policy import check_new_password
from ostiary.directory.passwords import Passwords
from ostiary.directory.profiles import profile_at_sign_in
from ostiary.directory.rate_limits import RATE_LIMITS
from ostiary.directory.sign_in import signed_in_as
from ostiary.directory.user_input import CONFIRMED, NewUser, check_user
from ostiary.directory.users import UserView, create_user
from ostiary.errors import invalid, limited
from ostiary.ids import Entropy
from ostiary.store.counters import ExactLimit, count_exactly
from ostiary.store.engine import Store
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work


@dataclass(frozen=True, slots=True)
class Prepared:
    """A new user with nothing slow left to do."""

    new: NewUser
    password_hash: str


class Registration:
    """The two phases of creating a user: `prepare…` outside any transaction, then `create` or `sign_up` in one."""

    def __init__(self, store: Store, clock: Clock, entropy: Entropy, passwords: Passwords, outbox: Outbox) -> None:
        self._store = store
        self._clock = clock
        self._entropy = entropy
        self._passwords = passwords
        self._outbox = outbox

    def prepare(self, tenant: TenantView, new: NewUser, password: str) -> Prepared:
        """Raises what `check_user` and `check_new_password` raise, EMAIL_MISSING, and 429 HASHING_BUSY."""
        self._check(tenant, new, password)
        return Prepared(new, self._passwords.hash(tenant.id, password))

    def prepare_sign_up(self, tenant: TenantView, new: NewUser, password: str) -> Prepared:
        """The same under the tenant's signUpLimitPerMinute: raises 429 TOO_MANY_SIGN_UPS."""
        self._check(tenant, new, password)
        self._count(tenant)
        return Prepared(new, self._passwords.hash(tenant.id, password))

    def create(self, work: Work, tenant_id: str, prepared: Prepared) -> UserView:
        """Stores the user. Raises EMAIL_TAKEN, USERNAME_TAKEN (409)."""
        return create_user(
            work, tenant_id, prepared.new, prepared.password_hash, self._entropy, self._clock.now_ms()
        )  # fmt: skip

    def sign_up(
        self, work: Work, tenant: TenantView, prepared: Prepared, language: str, *, with_profile: bool
    ) -> tuple[UserView, str]:
        """Stores the user, and the mails that the Cloud Directory is set to send; the user and its profile id, empty
        without one."""
        user = self.create(work, tenant.id, prepared)
        self._welcome(work, tenant, user, language)
        if not with_profile:
            return user, ""
        return user, profile_at_sign_in(work, signed_in_as(user), self._entropy, self._clock.now_ms()).id

    def _check(self, tenant: TenantView, new: NewUser, password: str) -> None:
        check_user(new)
        if not new.emails:
            raise invalid("EMAIL_MISSING", "emails must hold a mail address.", scim_type="invalidValue")
        with self._store.read() as work:
            check_new_password(work, tenant, password, [new.user_name, *(email.value for email in new.emails)])

    def _count(self, tenant: TenantView) -> None:
        with self._store.read() as work:
            allowed = RATE_LIMITS.read(work, tenant).sign_up_limit_per_minute
        if not allowed:
            return
        with self._store.write() as work:
            limit = ExactLimit("sign_up_tenant", allowed, 60, 60)
            wait = count_exactly(work, tenant.id, limit, "", self._clock.now_ms())
        if wait:
            raise limited("TOO_MANY_SIGN_UPS", f"Too many sign-ups; wait {wait} seconds and repeat.", wait)

    def _welcome(self, work: Work, tenant: TenantView, user: UserView, language: str) -> None:
        directory, now_ms = CLOUD_DIRECTORY.read(work, tenant), self._clock.now_ms()
        payload = {"user": _shown_in_mails(user)}
        if user.status != CONFIRMED and asks_for_confirmation(directory):
            code = new_code(work, tenant.id, user.id, USER_VERIFICATION, self._entropy, now_ms)
            self._outbox.mail(work, tenant.id, USER_VERIFICATION, user.email, language, payload, now_ms, code=code)
        if directory.config.interactions.welcome_enabled:
            self._outbox.mail(work, tenant.id, WELCOME, user.email, language, payload, now_ms)


def _shown_in_mails(user: UserView) -> dict[str, str]:
    """The user's part of the placeholders of message templates (appid.md §10), by their names."""
    return {
        "id": user.id, "displayName": user.display_name, "email": user.email, "username": user.user_name,
        "firstName": user.given_name, "lastName": user.family_name, "formattedName": user.formatted_name,
    }  # fmt: skip
