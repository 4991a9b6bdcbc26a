"""Registration of new users: checked and hashed first, then stored in one short transaction with the mails they
cause."""

from __future__ import annotations

from dataclasses import dataclass

from ostiary.clock import Clock
from ostiary.directory.passwords.passwords import Passwords
from ostiary.directory.passwords.policy import check_new_password
from ostiary.directory.profiles.linking import profile_at_sign_in
from ostiary.directory.signin.admission import signed_in_as
from ostiary.directory.signin.rate_limits import RATE_LIMITS
from ostiary.directory.users.cloud_directory import CLOUD_DIRECTORY, CloudDirectory
from ostiary.directory.users.contacts import email_taken, one_primary
from ostiary.directory.users.input import NewUser, check_user
from ostiary.directory.users.users import UserView, create_user, find_by_login
from ostiary.errors import invalid, limited
from ostiary.ids import Entropy
from ostiary.self_service.messages import UserMessages
from ostiary.store.counters import ExactLimit, count_exactly
from ostiary.store.engine import Store
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work


@dataclass(frozen=True, slots=True)
class CheckedUser:
    """A new user with nothing slow left to do."""

    new: NewUser
    password_hash: str


class Registration:
    """The two phases of creating a user: `prepare…` outside any transaction, then `create` or `sign_up` in one."""

    def __init__(
        self, store: Store, clock: Clock, entropy: Entropy, passwords: Passwords, messages: UserMessages
    ) -> None:
        self._store = store
        self._clock = clock
        self._entropy = entropy
        self._passwords = passwords
        self._messages = messages

    def prepare(self, tenant: TenantView, new: NewUser, password: str) -> CheckedUser:
        """Raises what `check_user` and `check_new_password` raise, EMAIL_MISSING, and 429 HASHING_BUSY."""
        self._check(tenant, new, password)
        return CheckedUser(new, self._passwords.hash(tenant.id, password))

    def prepare_sign_up(self, tenant: TenantView, new: NewUser, password: str, client_ip: str) -> CheckedUser:
        """The same under the tenant's signUpLimitPerMinute and the caps of messages.

        Raises EMAIL_TAKEN (409), 429 TOO_MANY_SIGN_UPS and TOO_MANY_MESSAGES too.
        """
        self._check(tenant, new, password)
        self._count(tenant)
        self._count_mails(tenant, new, client_ip)
        return CheckedUser(new, self._passwords.hash(tenant.id, password))

    def create(self, work: Work, tenant_id: str, prepared: CheckedUser) -> UserView:
        """Stores the user. Raises EMAIL_TAKEN, USERNAME_TAKEN (409)."""
        return create_user(
            work, tenant_id, prepared.new, prepared.password_hash, self._entropy, self._clock.now_ms()
        )  # fmt: skip

    def sign_up(
        self, work: Work, tenant: TenantView, prepared: CheckedUser, language: str, *, with_profile: bool
    ) -> tuple[UserView, str]:
        """Stores the user, and the mails that the Cloud Directory is set to send; the user and its profile id, empty
        without one."""
        user = self.create(work, tenant.id, prepared)
        self._welcome(work, tenant, user, language)
        if not with_profile:
            return user, ""
        signed_in = signed_in_as(user, user.email)
        return user, profile_at_sign_in(work, signed_in, self._entropy, self._clock.now_ms()).id

    def _check(self, tenant: TenantView, new: NewUser, password: str) -> None:
        check_user(new)
        if not new.emails:
            raise invalid("EMAIL_MISSING", "emails must hold a mail address.", scim_type="invalidValue")
        with self._store.read() as work:
            check_new_password(work, tenant, password, [new.user_name, *(email.value for email in new.emails)])

    def _count(self, tenant: TenantView) -> None:
        with self._store.read() as work:
            allowed = RATE_LIMITS.read(work, tenant).sign_ups_per_minute
        if not allowed:
            return
        with self._store.write(awaited=False) as work:
            limit = ExactLimit("sign_up_tenant", allowed, 60, 60)
            wait = count_exactly(work, tenant.id, limit, "", self._clock.now_ms())
        if wait:
            raise limited("TOO_MANY_SIGN_UPS", f"Too many sign-ups; wait {wait} seconds and repeat.", wait)

    def _count_mails(self, tenant: TenantView, new: NewUser, client_ip: str) -> None:
        address = next(one.value for one in one_primary("emails", new.emails) if one.primary)
        with self._store.read() as work:
            # Whoever is there already gets no mail, so a stranger's sign-ups must not use up the cap.
            if find_by_login(work, tenant.id, address, "email"):
                raise email_taken()
            mails = sum(_mails_caused(CLOUD_DIRECTORY.read(work, tenant), new.email_verified))
        if mails:
            self._messages.count(tenant.id, address, client_ip, mails)

    def _welcome(self, work: Work, tenant: TenantView, user: UserView, language: str) -> None:
        confirms, welcomes = _mails_caused(CLOUD_DIRECTORY.read(work, tenant), user.email_verified)
        if confirms:
            self._messages.verification(work, tenant, user, language)
        if welcomes:
            self._messages.welcome(work, tenant, user, language)


def _mails_caused(directory: CloudDirectory, verified: bool) -> tuple[bool, bool]:
    """Whether a sign-up causes a verification mail, and a welcome mail; whether the address is `verified`."""
    return not verified and directory.asks_for_confirmation, directory.sends_welcome
