"""Channel: one way in which messages of the outbox leave, as mail, as text message, later as a call of a webhook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ostiary.store.tenancy import TenantView

TAKEN = 202
"""The status of providers that do not speak HTTP when they took a message (RFC 9110 §15.3.3)."""
NO_ANSWER, TOO_LATE = 502, 504
"""The statuses for an invalid answer, and for none in time."""


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """A message of the outbox whose turn has come. `id` is the same at every attempt, so that who gets it twice can
    tell. `code` is the one-time code that it carries, empty without one; `patience_s` how long after its making it is
    worth sending, in seconds: as long as the code is valid."""

    id: str
    target: str
    payload: Mapping[str, Any]
    code: str
    patience_s: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer of a provider, in HTTP's terms. `is_final`: it will never accept this message."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    is_final: bool = False

    @property
    def taken(self) -> bool:
        """Whether the message is the provider's from now on."""
        return 200 <= self.status < 300


class Channel(Protocol):
    """A way to send. It knows what is in the payload of its own messages; nothing else does."""

    def provider(self, target: str) -> str:
        """The name of who takes messages to this target: when one of them fails, the others of the same tenant and
        provider are not tried in the same turn. Empty where a tenant has one provider for all."""
        ...

    def deliver(self, tenant: TenantView, message: QueuedMessage) -> Receipt:
        """Hands over one message, outside any transaction. What the other side refuses is in the receipt; whatever is
        raised counts as a failure of this attempt, and a ValueError or an INVALID as final: the message itself is
        wrong."""
        ...
