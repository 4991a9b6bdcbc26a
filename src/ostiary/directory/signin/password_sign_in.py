"""Sign-in with a password: the same code for the form, the header and the grant of every dialect."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from ostiary.clock import Clock
from ostiary.directory.passwords.advanced_policies import ADVANCED_PASSWORDS, Lockout
from ostiary.directory.passwords.lockout import count_failure
from ostiary.directory.passwords.passwords import Passwords
from ostiary.directory.passwords.stored import find_decoy_hash, find_stored_password
from ostiary.directory.signin.admission import SignedIn, admit, wrong_credentials
from ostiary.directory.signin.rate_limits import RATE_LIMITS
from ostiary.directory.users.cloud_directory import CLOUD_DIRECTORY
from ostiary.directory.users.users import find_by_login
from ostiary.errors import denied, limited
from ostiary.keys.sealing import Sealing
from ostiary.mfa.settings import MFA
from ostiary.names import login_key
from ostiary.store.counters import ExactLimit, count_exactly
from ostiary.store.engine import Store
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work

Result = TypeVar("Result")
Then = Callable[[Work, SignedIn], Result]

MAX_LOGIN = 1_024
"""Characters; no name is as long, and folding a longer text would cost too much."""
_UNKNOWN_LOGIN_FAILURES = ExactLimit("wrong_password", 1 << 30, 60, 0)
"""Refuses nothing: counting takes as long as a user's own count does."""


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
        HASHING_BUSY (429). Opens transactions of its own: call it outside any.
        """
        return self._sign_in(tenant, login, password, _nothing_more, at_platform=False)

    def and_then(self, tenant: TenantView, login: str, password: str, then: Then[Result]) -> Result:
        """The same, and what `then` makes of it in the transaction that notes it."""
        return self._sign_in(tenant, login, password, then, at_platform=False)

    def at_platform(self, tenant: TenantView, login: str, password: str) -> SignedIn:
        """A sign-in of a member at csp or cloudapi, by user name or mail address; refusals as above.

        App ID's switch of the Cloud Directory as an identity provider does not lock members out. Where the tenant asks
        for a second factor nobody signs in with a password alone: SECOND_FACTOR_REQUIRED (403).
        """
        return self._sign_in(tenant, login, password, _nothing_more, at_platform=True)

    def _sign_in(
        self, tenant: TenantView, login: str, password: str, then: Then[Result], *, at_platform: bool
    ) -> Result:
        if len(login) > MAX_LOGIN:
            raise wrong_credentials()
        self._passwords.check_room(tenant.id)
        with self._store.read() as work:
            user_id = self._find(work, tenant, login, at_platform)
            subject = user_id or self._sealing.pseudonym(login_key(login))
            stored = find_stored_password(work, tenant.id, user_id) if user_id else None
            decoy = None if stored else find_decoy_hash(work, tenant.id, subject)
            policy = ADVANCED_PASSWORDS.read(work, tenant).lockout
            tenants_limit = RATE_LIMITS.read(work, tenant).sign_ins_per_minute
        wait = self._count(tenant.id, subject, tenants_limit)
        if wait:
            raise limited("TOO_MANY_SIGN_INS", f"Too many sign-ins; wait {wait} seconds and repeat.", wait)
        # Hashing is done between two transactions: inside one, every other writer would wait for it.
        phc = stored.hash if stored else None
        right = self._passwords.verify(tenant.id, phc, password, decoy)
        if not right or phc is None:
            self._count_failure(tenant, subject, password, policy, known=bool(user_id))
            raise wrong_credentials()
        fresh = self._passwords.renewed(tenant.id, phc, password)
        with self._store.write() as work:
            return then(work, admit(work, tenant, user_id, phc, fresh, self._clock.now_ms()))

    def _find(self, work: Work, tenant: TenantView, login: str, at_platform: bool) -> str:
        """Returns the directory id of the user who signs in with this name; empty if there is none."""
        directory = CLOUD_DIRECTORY.read(work, tenant)
        if not directory.is_active and not at_platform:
            message = "Signing in with the Cloud Directory is switched off for this tenant."
            raise denied("CLOUD_DIRECTORY_INACTIVE", message, oauth_error="access_denied")
        if at_platform and MFA.read(work, tenant):
            message = "This organization asks for a second factor: a password alone does not sign in here."
            raise denied("SECOND_FACTOR_REQUIRED", message, oauth_error="access_denied")
        fields = ("userName", "email") if at_platform else (directory.identity_field,)
        found = (find_by_login(work, tenant.id, login, field) for field in fields)
        return next((user_id for user_id in found if user_id), "")

    def _count(self, tenant_id: str, subject: str, tenants_limit: int) -> int:
        """Seconds to wait. By user where there is one, so that no second spelling of a name has a counter of its own;
        a name that is blocked costs the tenant nothing. `tenants_limit` a minute, 0 for none."""
        now_ms = self._clock.now_ms()
        with self._store.autocommit() as work:
            wait = count_exactly(work, tenant_id, self._per_user, subject, now_ms)
            if wait or not tenants_limit:
                return wait
            return count_exactly(work, tenant_id, ExactLimit("sign_in_tenant", tenants_limit, 60, 60), "", now_ms)

    def _count_failure(
        self, tenant: TenantView, subject: str, password: str, policy: Lockout | None, *, known: bool
    ) -> None:
        if policy is None:
            return
        now_ms = self._clock.now_ms()
        wrong = self._sealing.pseudonym(f"wrong password {tenant.id} {subject} {password}")
        with self._store.write(awaited=False) as work:
            if known:
                count_failure(work, tenant.id, subject, wrong, policy, now_ms)
            else:
                count_exactly(work, tenant.id, _UNKNOWN_LOGIN_FAILURES, subject, now_ms)


def _nothing_more(_: Work, signed_in: SignedIn) -> SignedIn:
    return signed_in
