"""Rate limits. Coarse limits are counted in each worker's memory; limits that protect an account, a tenant or a
recipient are counted exactly, in the database, for any number of processes (`store.counters`)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from limits import RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from ostiary.errors import limited
from ostiary.files import read_toml
from ostiary.store.counters import ExactLimit, network_of

EXACT = (
    "sign_in_user", "attribute_write", "mail_client_address", "mail_recipient", "mail_tenant", "sms_client_address",
    "sms_recipient", "sms_tenant", "second_factor_user", "second_factor_user_day", "device_authorization",
    "device_code_user", "device_code_tenant", "mobile_registration",
)  # fmt: skip
"""The exact limits that every installation has."""


class LimitsError(Exception):
    """The limits file is missing, malformed or names something unknown; the server does not start."""


@dataclass(frozen=True, slots=True)
class CoarseLimit:
    """A number of requests in a second or minute, counted `by` address, principal or tenant; None is unlimited."""

    item: RateLimitItemPerSecond | RateLimitItemPerMinute | None
    by: str


@dataclass(frozen=True, slots=True)
class Limits:
    """The numbers of every limit, by name."""

    coarse: Mapping[str, CoarseLimit]
    exact: Mapping[str, ExactLimit]


def read_limits(path: Path) -> Limits:
    """Reads `deploy/limits.toml`; raises LimitsError with the reason in one line."""
    try:
        document = read_toml(path)
        entries = document.pop("exact", {})
        exact = {name: _exact(name, entries) for name in EXACT}
        return Limits({name: _coarse(name, entry) for name, entry in document.items()}, exact)
    except ValueError as error:
        raise LimitsError(f"the limits file: {error}") from None


def _exact(name: str, entries: Any) -> ExactLimit:
    where = f"exact.{name}"
    entry = _table(where, entries.get(name) if isinstance(entries, dict) else None)
    return ExactLimit(name, *(_whole(where, entry, part) for part in ("count", "window_seconds", "block_seconds")))


def _coarse(name: str, entry: Any) -> CoarseLimit:
    by = _table(name, entry).get("by", "address")
    if by not in ("address", "principal", "tenant"):
        raise ValueError(f"{name}: by is address, principal or tenant, not {by!r}")
    if entry.get("unlimited") is True:
        return CoarseLimit(None, by)
    if "per_second" in entry:
        return CoarseLimit(RateLimitItemPerSecond(_whole(name, entry, "per_second")), by)
    return CoarseLimit(RateLimitItemPerMinute(_whole(name, entry, "per_minute")), by)


def _table(name: str, entry: Any) -> dict[str, Any]:
    if not isinstance(entry, dict):
        raise ValueError(f"there must be a table [{name}]")  # noqa: TRY004 the type is the file's, not the caller's
    return entry


def _whole(name: str, entry: dict[str, Any], part: str) -> int:
    number = entry.get(part)
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        raise ValueError(f"{name}: {part} must be a whole number, 0 or more")
    return number


SET_BACK_S = 1.0


class CoarseLimiter:
    """Counts in this process's memory."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits.coarse
        self._counts = MemoryStorage()
        self._window = MovingWindowRateLimiter(self._counts)
        self._ahead = _wall_ahead()

    def hit(self, name: str, *, address: str, principal: str, tenant: str) -> None:
        """Counts one request under the limit `name`; raises 429 when it is one too many."""
        limit = self._limits[name]
        if limit.item is None:
            return
        self._forget_the_future()
        address = network_of(address)
        subject = {"address": address, "principal": principal or address, "tenant": tenant}[limit.by]
        if not self._window.hit(limit.item, name, subject):
            raise limited("RATE_LIMIT", "Too many requests; wait and repeat.", limit.item.get_expiry())

    def _forget_the_future(self) -> None:
        """`limits` counts by the wall clock: what it counted before that was set back would count until it has caught
        up, which may take a day."""
        ahead = _wall_ahead()
        if ahead < self._ahead - SET_BACK_S:
            self._counts.reset()
        self._ahead = ahead


def _wall_ahead() -> float:
    """Returns by how many seconds the wall clock is ahead of the monotonic one."""
    return time.time() - time.monotonic()
