"""Tries at second factors: counted exactly, over all processes, before a code is compared; too many lock the user."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import bindparam, delete, or_, update

from ostiary.audit.factor_events import user_locked
from ostiary.audit.sink import EventSink
from ostiary.clock import Clock
from ostiary.errors import DomainError, limited
from ostiary.store.counters import ExactLimit, count_exactly
from ostiary.store.engine import Store
from ostiary.store.prepared import prepared
from ostiary.store.tables import Counter, User, table_of
from ostiary.store.work import Work

NAMES = ("second_factor_user", "second_factor_user_day")
"""The limits: a burst, and what somebody patient may try in a day. Both end with a right code."""

_COUNTERS, _USERS = table_of(Counter), table_of(User)
_FORGET = prepared(
    delete(_COUNTERS).where(
        _COUNTERS.c.tenant_id == bindparam("of_tenant"), _COUNTERS.c.name == bindparam("limit_name"),
        _COUNTERS.c.subject == bindparam("of_user"),
    )
)  # fmt: skip
_LOCKED = update(_USERS).where(
    _USERS.c.tenant_id == bindparam("of_tenant"), _USERS.c.id == bindparam("of_user"),
    or_(_USERS.c.locked_until.is_(None), _USERS.c.locked_until <= bindparam("least")),
).values(locked_until=bindparam("until"), lock_seconds=bindparam("seconds"))  # fmt: skip


class FactorTries:
    """Counts tries, whichever factor they are at. A user who is locked here is locked everywhere: passwords, sessions
    and links are refused, too."""

    def __init__(self, store: Store, clock: Clock, limits: Mapping[str, ExactLimit], events: EventSink) -> None:
        self._store = store
        self._clock = clock
        self._events = events
        self._limits = [limits[name] for name in NAMES]

    def count(self, tenant_id: str, user_id: str, request_id: str) -> None:
        """Counts a try before the code is compared; hold no connection meanwhile. Raises TOO_MANY_CODES (429), and
        locks the user then, for as long as the limit says, and records that it is locked."""
        now_ms = self._clock.now_ms()
        for limit in self._limits:
            with self._store.autocommit() as work:
                wait = count_exactly(work, tenant_id, limit, user_id, now_ms)
            if wait:
                self._lock(tenant_id, user_id, now_ms, wait, request_id)
                raise too_many_codes(wait)

    def _lock(self, tenant_id: str, user_id: str, now_ms: int, wait: int, request_id: str) -> None:
        until = now_ms + wait * 1000
        lock = {"of_tenant": tenant_id, "of_user": user_id, "until": until, "seconds": wait}
        with self._store.write(awaited=False) as work:
            if work.run(_LOCKED, {**lock, "least": now_ms}):  # it was not locked
                self._events.emit(work, user_locked(tenant_id, user_id, request_id))
            else:
                work.run(_LOCKED, {**lock, "least": until - 1})


def forget_tries(work: Work, tenant_id: str, user_id: str) -> None:
    """The count begins anew, after a right code or when an administrator has unlocked the user."""
    work.run(_FORGET, [{"of_tenant": tenant_id, "limit_name": name, "of_user": user_id} for name in NAMES])


def too_many_codes(wait: int) -> DomainError:
    """Returns the refusal of another try, for `wait` seconds."""
    message = f"Too many wrong codes: the user is locked for {wait} seconds."
    return limited("TOO_MANY_CODES", message, wait)
