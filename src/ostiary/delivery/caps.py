"""How often somebody may be written to: what anybody can cause must not become a flood for one person."""

from __future__ import annotations

from collections.abc import Mapping

from ostiary.clock import Clock
from ostiary.errors import limited
from ostiary.keys.sealing import Sealing
from ostiary.store.counters import ExactLimit, count_exactly
from ostiary.store.engine import Store

MAIL, SMS = "mail_recipient", "sms_recipient"


class RecipientCaps:
    """Counts messages to one recipient, exactly, on any number of processes."""

    def __init__(self, store: Store, clock: Clock, sealing: Sealing, limits: Mapping[str, ExactLimit]) -> None:
        self._store = store
        self._clock = clock
        self._sealing = sealing
        self._limits = limits

    def spend(self, tenant_id: str, recipient: str, messages: int = 1, channel: str = MAIL) -> None:
        """Counts `messages` to `recipient` (the compared form of an address or number) before they are written.

        In a transaction of its own, so that a refusal counts as well: call it outside any. Raises 429
        TOO_MANY_MESSAGES.
        """
        limit = self._limits[channel]
        subject, now_ms = self._sealing.pseudonym(recipient), self._clock.now_ms()
        with self._store.write() as work:
            waits = [count_exactly(work, tenant_id, limit, subject, now_ms) for _ in range(messages)]
        wait = max(waits, default=0)
        if wait:
            raise limited("TOO_MANY_MESSAGES", f"Too many messages to this recipient; wait {wait} seconds.", wait)
