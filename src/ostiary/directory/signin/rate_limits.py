"""Rate limits of a tenant's Cloud Directory: sign-ups and sign-ins of all users together."""

from __future__ import annotations

from dataclasses import dataclass

from ostiary.settings.setting import Setting, take_as_it_is
from ostiary_api.appid.management.v4 import rate_limit_pb2 as pb


@dataclass(frozen=True, slots=True)
class RateLimits:
    """The limits of all users of a tenant together; 0 is unlimited."""

    sign_ups_per_minute: int
    sign_ins_per_minute: int


def _decoded(config: pb.RateLimitConfig) -> RateLimits:
    return RateLimits(config.sign_up_limit_per_minute, config.sign_in_limit_per_minute)


RATE_LIMITS = Setting(
    "rate_limits",
    pb.RateLimitConfig(sign_up_limit_per_minute=0, sign_in_limit_per_minute=0),
    take_as_it_is,
    _decoded,
)
