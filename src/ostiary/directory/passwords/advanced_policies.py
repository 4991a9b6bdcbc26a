"""Settings of advanced password management: the policies for a tenant's passwords.

A policy is in force only while advanced password management as a whole is enabled; `PasswordPolicies` holds what is in
force.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ostiary.settings.setting import Setting
from ostiary_api.appid.management.v4 import advanced_password_management_pb2 as pb

HOUR_MS = 3_600_000
MAX_REUSE = 8


@dataclass(frozen=True, slots=True)
class Lockout:
    """After `attempts` wrong passwords in a row nobody signs in for `seconds`."""

    attempts: int
    seconds: int


@dataclass(frozen=True, slots=True)
class PasswordPolicies:
    """The policies that are in force.

    `remembered`: the number of a user's last passwords, the present one included, that may not be used again; 0: no
    limit. `forbids_names`: whether a password may not hold its user's name. `lifetime_ms`: the time after which a
    password that is set now expires; None: never. `lockout`: the policy that locks users after wrong passwords; None:
    users are never locked. `change_interval_ms`: the time that must pass before a user may change a password again.
    """

    remembered: int
    forbids_names: bool
    lifetime_ms: int | None
    lockout: Lockout | None
    change_interval_ms: int

    @property
    def expires(self) -> bool:
        """Whether passwords expire."""
        return self.lifetime_ms is not None


_DEFAULT = pb.AdvancedPasswordManagement(
    enabled=False,
    password_reuse=pb.PasswordReuse(enabled=False, config=pb.PasswordReuseConfig(max_password_reuse=MAX_REUSE)),
    prevent_password_with_username=pb.PreventPasswordWithUsername(enabled=False),
    password_expiration=pb.PasswordExpiration(enabled=False, config=pb.PasswordExpirationConfig(days_to_expire=30)),
    lock_out_policy=pb.LockOutPolicy(
        enabled=False, config=pb.LockOutConfig(lock_out_time_sec=1_800, num_of_attempts=3)
    ),
    min_password_change_interval=pb.MinPasswordChangeInterval(
        enabled=False, config=pb.MinPasswordChangeIntervalConfig(min_hours_to_change_password=0)
    ),
)  # fmt: skip


def check_advanced_passwords(document: pb.AdvancedPasswordManagementConfig) -> None:
    """Fills in what may be left out."""
    policies = document.advanced_password_management
    if not policies.HasField("min_password_change_interval"):
        policies.min_password_change_interval.CopyFrom(_DEFAULT.min_password_change_interval)
    for name in ("password_reuse", "password_expiration", "lock_out_policy", "min_password_change_interval"):
        policy: Any = getattr(policies, name)
        if not policy.HasField("config"):
            policy.config.CopyFrom(getattr(_DEFAULT, name).config)


def _decoded(document: pb.AdvancedPasswordManagementConfig) -> PasswordPolicies:
    policies = document.advanced_password_management
    return PasswordPolicies(
        remembered=policies.password_reuse.config.max_password_reuse if _acts(policies, policies.password_reuse) else 0,
        forbids_names=_acts(policies, policies.prevent_password_with_username),
        lifetime_ms=_lifetime_ms(policies),
        lockout=_lockout(policies),
        change_interval_ms=_change_interval_ms(policies),
    )


def _lifetime_ms(policies: pb.AdvancedPasswordManagement) -> int | None:
    expiration = policies.password_expiration
    return expiration.config.days_to_expire * 24 * HOUR_MS if _acts(policies, expiration) else None


def _lockout(policies: pb.AdvancedPasswordManagement) -> Lockout | None:
    config = policies.lock_out_policy.config
    if not _acts(policies, policies.lock_out_policy):
        return None
    return Lockout(config.num_of_attempts, config.lock_out_time_sec)


def _change_interval_ms(policies: pb.AdvancedPasswordManagement) -> int:
    interval = policies.min_password_change_interval
    return interval.config.min_hours_to_change_password * HOUR_MS if _acts(policies, interval) else 0


def _acts(policies: pb.AdvancedPasswordManagement, policy: Any) -> bool:
    return bool(policies.enabled and policy.enabled)


ADVANCED_PASSWORDS = Setting(
    "advanced_password_management",
    pb.AdvancedPasswordManagementConfig(advanced_password_management=_DEFAULT),
    check_advanced_passwords,
    _decoded,
)
