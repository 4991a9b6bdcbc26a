"""Person who is asked for a second factor: what is known of the user whom the first one has found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ostiary.delivery.channels.sms import phone_number
from ostiary.directory.factors.factors import OWN, RECOVERY, SMS, TOTP, FactorView, list_factors
from ostiary.directory.factors.requirement import tenant_requires
from ostiary.directory.profiles.profiles import CLOUD_DIRECTORY
from ostiary.directory.users.users import UserView, find_user
from ostiary.errors import DomainError
from ostiary.mfa.settings import MFA_CHANNELS
from ostiary.oauth.authorize.state import SignInTransaction
from ostiary.oauth.authorize.transactions import SignInOver
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work

_HIDDEN = "•••"


@dataclass(frozen=True, slots=True)
class FactorOwner:
    """A user and its enrolled factors. `channel_is_sms`: the tenant sends codes by text message, else by mail;
    `is_required`: the tenant asks everybody for a second factor, and sends codes at all."""

    user: UserView
    factors: Sequence[FactorView]
    is_required: bool
    channel_is_sms: bool

    @property
    def apps(self) -> Sequence[FactorView]:
        """The authenticator apps."""
        return [factor for factor in self.factors if factor.kind == TOTP]

    @property
    def has_own(self) -> bool:
        """Whether the user has chosen a factor; then nothing that only a password has proved may add another."""
        return any(factor.kind in OWN for factor in self.factors)

    @property
    def has_recovery_codes(self) -> bool:
        """Whether there are recovery codes, used or not."""
        return any(factor.kind == RECOVERY for factor in self.factors)

    @property
    def address(self) -> str:
        """The address to which codes are mailed; empty where none are."""
        return self.user.email if self.is_required and not self.channel_is_sms else ""

    @property
    def number(self) -> str:
        """The number to which codes go by text message: the one that has proved itself, else the first valid one, the
        primary before the others; empty where codes do not go by text message, or there is no number."""
        if not self.is_required or not self.channel_is_sms:
            return ""
        enrolled = [factor.target for factor in self.factors if factor.kind == SMS]
        phones = sorted(self.user.phones, key=lambda phone: not phone.primary)
        return next(filter(None, (*enrolled, *(_number(phone.value) for phone in phones))), "")

    @property
    def may_enrol(self) -> bool:
        """Whether the user has nothing yet by which a second factor could be proved, and so enrols one here."""
        return self.is_required and not self.has_own and not self.address and not self.number


def owner_of(work: Work, tenant: TenantView, transaction: SignInTransaction) -> FactorOwner | None:
    """The directory user whom a sign-in has found; None where it has found none. Read once in a unit of work."""
    found = transaction.identified
    if found is None or found.provider != CLOUD_DIRECTORY or not found.user_id:
        return None
    key = ("factor owner", tenant.id, found.user_id)
    if key not in work.memo:
        work.memo[key] = find_owner(work, tenant, found.user_id)
    known: FactorOwner | None = work.memo[key]
    return known


def find_owner(work: Work, tenant: TenantView, user_id: str) -> FactorOwner | None:
    """The user as it is now, with its factors; None where there is no such user."""
    user = find_user(work, tenant.id, user_id)
    if user is None:
        return None
    factors = list_factors(work, tenant.id, user_id)
    return FactorOwner(user, factors, tenant_requires(work, tenant), MFA_CHANNELS.read(work, tenant).sms_is_active)


def get_owner(work: Work, tenant: TenantView, transaction: SignInTransaction) -> FactorOwner:
    """The directory user whom a sign-in must have found by now. Raises SIGN_IN_OVER."""
    owner = owner_of(work, tenant, transaction)
    if owner is None:
        raise SignInOver
    return owner


def masked(target: str) -> str:
    """An address or number as whoever knows it recognizes it, and nobody else learns it."""
    local, at, domain = target.rpartition("@")
    return f"{local[:1]}{_HIDDEN}@{domain}" if at else f"{_HIDDEN} {target[-3:]}"


def _number(text: str) -> str:
    try:
        return phone_number("phone", text)
    except DomainError:
        return ""
