"""Rate limits of a tenant's Cloud Directory: sign-ups and sign-ins of all users together."""

from __future__ import annotations

from dataclasses import dataclass

from ostiary.errors import invalid
from ostiary.settings.setting import Setting
from ostiary_api.appid.management.v4 import rate_limit_pb2 as pb

HIGHEST = 1_000_000


@dataclass(frozen=True, slots=True)
class RateLimits:
    """The limits of all users of a tenant together; 0 is unlimited."""

    sign_ups_per_minute: int
    sign_ins_per_minute: int


def check_rate_limits(config: pb.RateLimitConfig) -> None:
    """Checks that both limits are given; 0 is unlimited."""
    given = {
        "signUpLimitPerMinute": (config.HasField("sign_up_limit_per_minute"), config.sign_up_limit_per_minute),
        "signInLimitPerMinute": (config.HasField("sign_in_limit_per_minute"), config.sign_in_limit_per_minute),
    }
    for name, (is_given, limit) in given.items():
        if not is_given:
            raise invalid("RATE_LIMIT_MISSING", f"{name} is required; 0 is unlimited.")
        if not 0 <= limit <= HIGHEST:
            raise invalid("RATE_LIMIT_OUT_OF_RANGE", f"{name} must be between 0 (unlimited) and {HIGHEST}.")


def _decoded(config: pb.RateLimitConfig) -> RateLimits:
    return RateLimits(config.sign_up_limit_per_minute, config.sign_in_limit_per_minute)


RATE_LIMITS = Setting(
    "rate_limits",
    pb.RateLimitConfig(sign_up_limit_per_minute=0, sign_in_limit_per_minute=0),
    check_rate_limits,
    _decoded,
)
