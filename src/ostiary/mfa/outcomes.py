"""Outcomes of second factors, as a channel of the outbox: the extension `postmfa` is told, whatever it answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ostiary.delivery.channels.channel import TAKEN, QueuedMessage, Receipt
from ostiary.delivery.outbox import NewMessage
from ostiary.keys.sealing import Sealing
from ostiary.mfa.extensions import MfaExtensions
from ostiary.mfa.settings import get_extension
from ostiary.store.engine import Store
from ostiary.store.tenancy import TenantView

POSTMFA = "postmfa"
"""The extension, and the channel."""
PATIENCE_S = 300


def outcome_message(claims: Mapping[str, Any]) -> NewMessage:
    """A message for the outbox: how a second factor has ended."""
    return NewMessage(POSTMFA, POSTMFA, "", {"claims": dict(claims)}, patience_s=PATIENCE_S)


class MfaOutcomes:
    """Tells the extension. Its answer does not matter, so each outcome is told once, unless nobody answers."""

    def __init__(self, store: Store, sealing: Sealing, extensions: MfaExtensions) -> None:
        self._store = store
        self._sealing = sealing
        self._extensions = extensions

    def provider(self, target: str) -> str:
        """A tenant has one such extension."""
        return ""

    def deliver(self, tenant: TenantView, message: QueuedMessage) -> Receipt:
        """Calls the extension, if it is still on."""
        with self._store.read() as work:
            extension = get_extension(POSTMFA).opened(work, self._sealing, tenant.id)
        if not extension.is_active:
            return Receipt(TAKEN)
        answer = self._extensions.call(tenant.id, POSTMFA, extension, message.payload["claims"])
        return Receipt(TAKEN, body=b"", headers=answer.headers)
