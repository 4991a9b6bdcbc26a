"""Limits of messages that anybody can cause, so that neither a user nor a tenant gets a flood of them."""

from __future__ import annotations

from collections.abc import Mapping

from ostiary.clock import Clock
from ostiary.errors import limited
from ostiary.keys.sealing import Sealing
from ostiary.store.counters import ExactLimit, count_exactly, network_of
from ostiary.store.engine import Store

MAIL, SMS = "mail", "sms"


class MessageCaps:
    """Counts messages by client address, recipient and tenant, exactly, on any number of processes."""

    def __init__(self, store: Store, clock: Clock, sealing: Sealing, limits: Mapping[str, ExactLimit]) -> None:
        self._store = store
        self._clock = clock
        self._sealing = sealing
        self._limits = limits

    def spend(
        self, tenant_id: str, recipient: str, client_ip: str, messages: int = 1, channel: str = MAIL
    ) -> None:  # fmt: skip
        """Counts `messages` to `recipient` (the compared form of an address or number) before they are written.

        `client_ip` is whose address counts; empty for nobody's (`Call.counted_ip`). In a transaction of its own, so
        that a refusal counts as well: call it outside any. Raises 429 TOO_MANY_MESSAGES.
        """
        now_ms = self._clock.now_ms()
        with self._store.write(durable=False, awaited=False) as work:
            waits = (
                (count_exactly(work, tenant_id, limit, subject, now_ms, messages), whose)
                for limit, whose, subject in self._counted(recipient, client_ip, channel)
            )
            wait, whose = next((refused for refused in waits if refused[0]), (0, ""))
        if wait:
            raise limited("TOO_MANY_MESSAGES", f"Too many messages {whose}; wait {wait} seconds.", wait)

    def _counted(self, recipient: str, client_ip: str, channel: str) -> list[tuple[ExactLimit, str, str]]:
        """Returns limit, description and subject of each count, the narrower first: a request that one of them refuses
        is not counted by the wider ones, or a client that writes to one user would use up the tenant's share. All
        callers keep this order, so that no two transactions wait for each other's rows; the tenant's row, for which all
        wait, is locked for the shortest time."""
        addresses = [("client_address", "from this address", self._sealing.pseudonym(network_of(client_ip)))]
        scopes = [
            *(addresses if client_ip else []),
            ("recipient", "to this recipient", self._sealing.pseudonym(recipient)),
            ("tenant", "in this tenant", ""),
        ]
        return [(self._limits[f"{channel}_{scope}"], whose, subject) for scope, whose, subject in scopes]
