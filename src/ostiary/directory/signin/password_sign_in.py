"""Sign-in with a password: the same code for the form, the header and the grant of every dialect.

A straight line of three steps, which the caller takes: `look_up` reads, `prove` counts and hashes while no connection
is held, `admit` begins the transaction that notes the sign-in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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

MAX_LOGIN = 1_024
"""Characters; no name is as long, and folding a longer text would cost too much."""
_UNKNOWN_LOGIN_FAILURES = ExactLimit("wrong_password", 1 << 30, 60, 0)
"""Refuses nothing: counting takes as long as a user's own count does."""


@dataclass(frozen=True, slots=True)
class KnownLogin:
    """Login that was looked up, before its password is checked.

    `name` is what was typed, in compared form; `user_id` is empty where nobody signs in with it. `subject` is by what
    its tries are counted. `phc` is the hash of the user's password, None if there is none: then `decoy` is compared.
    `policy` None: wrong passwords lock nobody. `tenants_limit`: sign-ins of the tenant a minute, 0 for any number.
    """

    tenant: TenantView
    name: str
    user_id: str
    subject: str
    phc: str | None
    decoy: str | None
    policy: Lockout | None
    tenants_limit: int


@dataclass(frozen=True, slots=True)
class ProvedPassword:
    """A password that fits the hash `phc` of this user; `fresh` is the hash that takes its place, often the same."""

    tenant: TenantView
    name: str
    user_id: str
    phc: str
    fresh: str


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

    def look_up(
        self, work: Work, tenant: TenantView, login: str, *, at_platform: bool = False, is_alone: bool = True
    ) -> KnownLogin:
        """The first step: reads what the check of the password needs, in the tenant's Cloud Directory by the field that
        its settings name.

        `at_platform`: a member signs in at csp or cloudapi, by user name or mail address. App ID's switch of the Cloud
        Directory as an identity provider does not lock members out; where the tenant asks for a second factor nobody
        signs in there with a password that `is_alone`: a page asks for the second factor later.

        Raises CLOUD_DIRECTORY_INACTIVE, SECOND_FACTOR_REQUIRED (403), WRONG_CREDENTIALS, HASHING_BUSY (429).
        """
        if len(login) > MAX_LOGIN:
            raise wrong_credentials()
        self._passwords.check_room(tenant.id)
        user_id = _find(work, tenant, login, at_platform=at_platform, is_alone=is_alone)
        name = login_key(login)
        subject = user_id or self._sealing.pseudonym(name)
        stored = find_stored_password(work, tenant.id, user_id) if user_id else None
        return KnownLogin(
            tenant, name, user_id, subject, phc=stored.hash if stored else None,
            decoy=None if stored else find_decoy_hash(work, tenant.id, subject),
            policy=ADVANCED_PASSWORDS.read(work, tenant).lockout,
            tenants_limit=RATE_LIMITS.read(work, tenant).sign_ins_per_minute,
        )  # fmt: skip

    def prove(self, known: KnownLogin, password: str) -> ProvedPassword:
        """The second step: counts the try, then checks the password. Hold no connection meanwhile.

        Raises WRONG_CREDENTIALS (401; OAuth 400 invalid_grant), TOO_MANY_SIGN_INS and HASHING_BUSY (429).
        """
        tenant_id = known.tenant.id
        wait = self._count(known)
        if wait:
            raise limited("TOO_MANY_SIGN_INS", f"Too many sign-ins; wait {wait} seconds and repeat.", wait)
        right = self._passwords.verify(tenant_id, known.phc, password, known.decoy)
        if not right or known.phc is None:
            self._count_failure(known, password)
            raise wrong_credentials()
        fresh = self._passwords.renewed(tenant_id, known.phc, password)
        return ProvedPassword(known.tenant, known.name, known.user_id, known.phc, fresh)

    def admit(self, work: Work, proved: ProvedPassword) -> SignedIn:
        """The third step, in the transaction of what the sign-in opens: notes it. Raises what `admit` of admission
        raises."""
        now_ms = self._clock.now_ms()
        return admit(work, proved.tenant, proved.user_id, proved.name, proved.phc, proved.fresh, now_ms)

    def _count(self, known: KnownLogin) -> int:
        """Seconds to wait. By user where there is one, so that no second spelling of a name has a counter of its own;
        a name that is blocked costs the tenant nothing."""
        now_ms, tenant_id = self._clock.now_ms(), known.tenant.id
        with self._store.autocommit() as work:
            wait = count_exactly(work, tenant_id, self._per_user, known.subject, now_ms)
            if wait or not known.tenants_limit:
                return wait
            return count_exactly(work, tenant_id, ExactLimit("sign_in_tenant", known.tenants_limit, 60, 60), "", now_ms)

    def _count_failure(self, known: KnownLogin, password: str) -> None:
        if known.policy is None:
            return
        now_ms, tenant_id = self._clock.now_ms(), known.tenant.id
        wrong = self._sealing.pseudonym(f"wrong password {tenant_id} {known.subject} {password}")
        with self._store.write(awaited=False) as work:
            if known.user_id:
                count_failure(work, tenant_id, known.user_id, wrong, known.policy, now_ms)
            else:
                count_exactly(work, tenant_id, _UNKNOWN_LOGIN_FAILURES, known.subject, now_ms)


def _find(work: Work, tenant: TenantView, login: str, *, at_platform: bool, is_alone: bool) -> str:
    """Returns the directory id of the user who signs in with this name; empty if there is none."""
    directory = CLOUD_DIRECTORY.read(work, tenant)
    if not directory.is_active and not at_platform:
        message = "Signing in with the Cloud Directory is switched off for this tenant."
        raise denied("CLOUD_DIRECTORY_INACTIVE", message, oauth_error="access_denied")
    if at_platform and is_alone and MFA.read(work, tenant):
        message = "This organization asks for a second factor: a password alone does not sign in here."
        raise denied("SECOND_FACTOR_REQUIRED", message, oauth_error="access_denied")
    field = "" if at_platform else directory.identity_field
    return find_by_login(work, tenant.id, login, field) or ""
