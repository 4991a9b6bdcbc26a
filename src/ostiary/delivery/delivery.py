"""Delivery of the messages that wait in the outbox, each by its channel."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import Any

import structlog
from sqlalchemy import Row

from ostiary.clock import Clock
from ostiary.delivery.channels.channel import NO_ANSWER, Channel, QueuedMessage, Receipt
from ostiary.delivery.outbox import claim, code_place, finish, give_back, postpone
from ostiary.errors import DomainError, Kind
from ostiary.keys.sealing import Sealing
from ostiary.store.engine import Store
from ostiary.store.tenancy import Tenancy, TenantView

THREADS = 8
"""Tenants that are served at once in one process."""
MARKING_S = (0.1, 0.5, 2.0, 5.0)
"""Pauses between attempts to note that a message was taken: what is not noted is sent again."""
_log = structlog.get_logger("ostiary.delivery")


def _failed(error: Exception) -> Receipt:
    """Returns the receipt for an error of ours, final if the message itself is the reason: its address, or a text that
    no mail can contain."""
    is_final = isinstance(error, ValueError) or (isinstance(error, DomainError) and error.kind is Kind.INVALID)
    return Receipt(NO_ANSWER, is_final=is_final)


class Delivery:
    """Sends what waits in the outbox. `channels` are all ways to send, by the names that messages have."""

    def __init__(
        self, store: Store, tenancy: Tenancy, clock: Clock, sealing: Sealing, channels: Mapping[str, Channel]
    ) -> None:  # fmt: skip
        self._store = store
        self._tenancy = tenancy
        self._clock = clock
        self._sealing = sealing
        self._channels = channels

    def send_due(self) -> int:
        """Sends the messages that are due, in one turn; returns how many were tried or given back. Safe in any number
        of processes."""
        claimed = sorted(claim(self._store, self._clock.now_ms()), key=self._provider_of)
        groups = [list(messages) for _, messages in groupby(claimed, key=self._provider_of)]
        if groups:
            with ThreadPoolExecutor(min(THREADS, len(groups)), "delivery") as threads:
                for _ in threads.map(self._send_all, groups):
                    pass
        return len(claimed)

    def _provider_of(self, message: Row[Any]) -> tuple[str, str, str]:
        """Messages that one provider gets: when it fails, the others of the same tenant are not its fault."""
        channel = self._channels.get(message.channel)
        return message.tenant_id, message.channel, channel.provider(message.target) if channel else ""

    def _send_all(self, messages: Sequence[Row[Any]]) -> None:
        """The messages of one tenant and provider, one by one; when it fails, the rest are not even tried."""
        for place, message in enumerate(messages):
            if not self._send(message):
                give_back(self._store, messages[place + 1 :], self._clock.now_ms())
                return

    def _send(self, message: Row[Any]) -> bool:
        """Whether there is sense in trying another message of the same provider now."""
        payload = json.loads(message.payload)
        try:
            receipt = self._hand_over(message, payload)
        except Exception as error:  # noqa: BLE001 - one message must not keep the others
            receipt = _failed(error)
            _log.error("message not sent", message=message.id, tenant=message.tenant_id, exc_info=True)
        if receipt.taken or receipt.is_final:
            self._note(lambda: finish(self._store, message, self._clock.now_ms(), sent=receipt.taken))
        else:
            self._note(lambda: postpone(self._store, message, self._clock.now_ms()))
        _log.info(
            "message", message=message.id, tenant=message.tenant_id, channel=message.channel,
            kind=payload.get("kind", ""), status=receipt.status, attempt=message.attempts + 1,
        )  # fmt: skip
        return receipt.taken or receipt.is_final

    def _hand_over(self, message: Row[Any], payload: Mapping[str, Any]) -> Receipt:
        if message.channel not in self._channels:  # written by a newer version: its processes send it
            raise LookupError(f"this version has no channel {message.channel}")
        place = code_place(message.tenant_id, message.id)
        code = self._sealing.open(message.sealed_code, place).decode() if message.sealed_code else ""
        patience_s = int(message.give_up_at - message.created_at) // 1000
        queued = QueuedMessage(message.id, message.target, payload, code, patience_s)
        return self._channels[message.channel].deliver(self._living(message.tenant_id), queued)

    def _living(self, tenant_id: str) -> TenantView:
        with self._store.read() as work:
            tenant = self._tenancy.find(work, tenant_id)
        if tenant is None or not tenant.enabled:
            raise LookupError(f"the tenant {tenant_id} is disabled or gone")
        return tenant

    def _note(self, write: Callable[[], object]) -> None:
        """Notes an outcome; tries again when the database is away for a moment."""
        for pause_s in (*MARKING_S, None):
            try:
                write()
                return
            except DomainError:
                if pause_s is None:
                    raise
                time.sleep(pause_s)
