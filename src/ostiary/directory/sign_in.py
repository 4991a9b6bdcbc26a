"""Signing in with a password: the one piece of code behind every dialect's form, header and grant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ostiary.clock import Clock
from ostiary.directory.advanced_passwords import ADVANCED_PASSWORDS, Lockout, expires, lockout
from ostiary.directory.cloud_directory import CLOUD_DIRECTORY, identity_field, refuses_pending
from ostiary.directory.lockout import count_failure, is_locked
from ostiary.directory.mfa import MFA
from ostiary.directory.names import login_key
from ostiary.directory.passwords import Passwords
from ostiary.directory.rate_limits import RATE_LIMITS
from ostiary.directory.stored_passwords import set_failures, set_fresh_hash, stored_password
from ostiary.directory.user_input import CONFIRMED
from ostiary.directory.users import UserView, find_by_login, lock_user, the_user
from ostiary.errors import DomainError, denied, limited, unauthenticated
from ostiary.keys.sealing import Sealing
from ostiary.store.counters import ExactLimit, count_exactly
from ostiary.store.engine import Store
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work

MAX_LOGIN = 1_024
"""Characters; no name is as long, and folding a longer text would cost too much."""
WRONG = "The email or password that you entered is incorrect."
_NOBODYS_FAILURES = ExactLimit("wrong_password", 1 << 30, 60, 0)
"""Refuses nothing: counting takes as long as a user's own count does."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A directory user who has just proved who it is."""

    tenant_id: str
    user_id: str
    user_name: str
    email: str
    email_verified: bool
    display_name: str
    given_name: str
    family_name: str
    locale: str
    access_epoch: int
    """What it was then: whatever is opened for this sign-in ends when it has grown."""


class PasswordSignIn:
    """Checks a login and a password.

    Every refusal of one sign-in looks like every other, and takes as long: only who knows the password learns that
    the address awaits its confirmation.
    """

    def __init__(
        self, store: Store, clock: Clock, passwords: Passwords, sealing: Sealing, limits: Mapping[str, ExactLimit]
    ) -> None:
        self._store = store
        self._clock = clock
        self._passwords = passwords
        self._sealing = sealing
        self._per_user = limits["sign_in_user"]

    def __call__(self, tenant: TenantView, login: str, password: str) -> SignedIn:
        """A sign-in at the tenant's Cloud Directory, by the field that its settings name.

        Raises CLOUD_DIRECTORY_INACTIVE (403), WRONG_CREDENTIALS (401; OAuth 400 invalid_grant),
        USER_NOT_VERIFIED (403), PASSWORD_EXPIRED (401; OAuth 400 invalid_grant, with `user_id`), TOO_MANY_SIGN_INS and
        HASHING_BUSY (429). Opens transactions of its own: call it
        outside any.
        """
        return self._sign_in(tenant, login, password, at_platform=False)

    def at_platform(self, tenant: TenantView, login: str, password: str) -> SignedIn:
        """A sign-in of a member at csp or cloudapi, by user name or mail address; refusals as above.

        App ID's switch of the Cloud Directory as an identity provider does not lock members out. Where the tenant asks
        for a second factor nobody signs in with a password alone: SECOND_FACTOR_REQUIRED (403).
        """
        return self._sign_in(tenant, login, password, at_platform=True)

    def _sign_in(self, tenant: TenantView, login: str, password: str, *, at_platform: bool) -> SignedIn:
        if len(login) > MAX_LOGIN:
            raise wrong_credentials()
        self._passwords.check_room(tenant.id)
        with self._store.write() as work:
            user_id = self._find(work, tenant, login, at_platform)
            stored = stored_password(work, tenant.id, user_id)
            subject = user_id or self._sealing.pseudonym(login_key(login))
            wait = self._count(work, tenant, subject)
            policy = lockout(ADVANCED_PASSWORDS.read(work, tenant))
        if wait:
            raise limited("TOO_MANY_SIGN_INS", f"Too many sign-ins; wait {wait} seconds and repeat.", wait)
        # Hashing stands between two transactions: inside one, every other writer would wait for it.
        phc = stored.hash if stored else None
        right = self._passwords.verify(tenant.id, phc, password)
        if not right or phc is None:
            self._count_failure(tenant, subject, policy, known=bool(user_id))
            raise wrong_credentials()
        fresh = self._passwords.hash(tenant.id, password) if self._passwords.is_outdated(phc) else phc
        with self._store.write() as work:
            return self._admit(work, tenant, user_id, phc, fresh)

    def _find(self, work: Work, tenant: TenantView, login: str, at_platform: bool) -> str:
        """The directory id of whoever signs in so; empty if nobody does."""
        directory = CLOUD_DIRECTORY.read(work, tenant)
        if not directory.is_active and not at_platform:
            message = "Signing in with the Cloud Directory is switched off for this tenant."
            raise denied("CLOUD_DIRECTORY_INACTIVE", message, oauth_error="access_denied")
        if at_platform and MFA.read(work, tenant).is_active:
            message = "This organization asks for a second factor: a password alone does not sign in here."
            raise denied("SECOND_FACTOR_REQUIRED", message, oauth_error="access_denied")
        fields = ("userName", "email") if at_platform else (identity_field(directory),)
        found = (find_by_login(work, tenant.id, login, field) for field in fields)
        return next((user_id for user_id in found if user_id), "")

    def _count(self, work: Work, tenant: TenantView, subject: str) -> int:
        """Seconds to wait. By user where there is one, so that no second spelling of a name has a counter of its own;
        a name that is blocked costs the tenant nothing."""
        now_ms = self._clock.now_ms()
        wait = count_exactly(work, tenant.id, self._per_user, subject, now_ms)
        allowed = RATE_LIMITS.read(work, tenant).sign_in_limit_per_minute
        if wait or not allowed:
            return wait
        return count_exactly(work, tenant.id, ExactLimit("sign_in_tenant", allowed, 60, 60), "", now_ms)

    def _count_failure(self, tenant: TenantView, subject: str, policy: Lockout | None, *, known: bool) -> None:
        if policy is None:
            return
        now_ms = self._clock.now_ms()
        with self._store.write() as work:
            if known:
                count_failure(work, tenant.id, subject, policy, now_ms)
            else:
                count_exactly(work, tenant.id, _NOBODYS_FAILURES, subject, now_ms)

    def _admit(self, work: Work, tenant: TenantView, user_id: str, phc: str, fresh: str) -> SignedIn:
        """The password was right: whether its user may sign in now, read again under lock."""
        user, now_ms = lock_user(work, tenant.id, user_id), self._clock.now_ms()
        stored = stored_password(work, tenant.id, user_id)
        if not user.active or is_locked(user.locked_until, now_ms) or stored is None or stored.hash != phc:
            raise wrong_credentials()
        if stored.failures:
            set_failures(work, tenant.id, user_id, 0)
        if user.status != CONFIRMED and refuses_pending(CLOUD_DIRECTORY.read(work, tenant)):
            raise _pending()
        if stored.has_expired(now_ms) and expires(ADVANCED_PASSWORDS.read(work, tenant)):
            raise _expired(user_id)
        user.last_login = now_ms
        if fresh != phc:
            set_fresh_hash(work, tenant.id, user_id, fresh)
        work.flush()
        return signed_in_as(the_user(work, tenant.id, user_id))


def signed_in_as(user: UserView) -> SignedIn:
    """What a sign-in of this user says."""
    return SignedIn(
        user.tenant_id, user.id, user.user_name, user.email, user.status == CONFIRMED, user.display_name,
        user.given_name, user.family_name, user.locale, user.access_epoch,
    )  # fmt: skip


def wrong_credentials() -> DomainError:
    """Unknown, wrong, deactivated, locked: all alike."""
    return unauthenticated("WRONG_CREDENTIALS", WRONG, oauth_error="invalid_grant", status=400)


def _pending() -> DomainError:
    # The text is what SDKs compare, so what would help stands beside it.
    return denied(
        "USER_NOT_VERIFIED", "Pending user verification", keep_changes=True, oauth_error="invalid_grant",
        error_code="FORBIDDEN",
        help="Follow the link in the verification mail, or let an administrator set the user's status to CONFIRMED.",
    )  # fmt: skip


def _expired(user_id: str) -> DomainError:
    """Only who knows the password sees it; the id is what a page for a new one needs."""
    return unauthenticated(
        "PASSWORD_EXPIRED", "Password expired", keep_changes=True, oauth_error="invalid_grant", status=400,
        user_id=user_id,
    )  # fmt: skip
