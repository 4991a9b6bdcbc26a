"""Sink of domain events: the one place that decides which events are kept, and when they are written.

Whatever else is to be told of events, such as a webhook, is told here, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ostiary.audit.event import Event, record
from ostiary.audit.runtime_capture import CAPTURE_RUNTIME_ACTIVITY
from ostiary.clock import Clock
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work


class Batches(Protocol):
    """The writer of events that belong to no transaction of their own."""

    def append(self, now_ms: int, event: Event) -> None:
        """Commits one event, together with others that wait."""
        ...

    def note(self, now_ms: int, event: Event) -> None:
        """Writes one event a moment later; never fails."""
        ...


class EventSink:
    """Takes events. A runtime event needs its tenant, which says whether it captures them."""

    def __init__(self, clock: Clock, batches: Batches) -> None:
        self._clock = clock
        self._batches = batches

    def emit(self, work: Work, event: Event, tenant: TenantView | None = None) -> None:
        """Writes an event in the transaction of what it tells, so that both are committed or neither."""
        if self.is_wanted(work, event, tenant):
            record(work, self._clock.now_ms(), event)

    def emit_alone(self, event: Event) -> None:
        """Writes an event that tells of no change, such as a refused sign-in; returns once it is durable. Hold no
        connection meanwhile, and ask `is_wanted` before."""
        self._batches.append(self._clock.now_ms(), event)

    def emit_later(self, event: Event) -> None:
        """Writes an event on which nothing depends, such as a read, a moment later; never fails."""
        self._batches.note(self._clock.now_ms(), event)

    def wanted(self, work: Work, events: Sequence[Event], tenant: TenantView) -> Sequence[Event]:
        """Returns those of the events that are to be written, for who writes them itself in a batch."""
        return [event for event in events if self.is_wanted(work, event, tenant)]

    def is_wanted(self, work: Work, event: Event, tenant: TenantView | None) -> bool:
        """Whether the event is to be written."""
        if not event.runtime:
            return True
        if tenant is None:
            raise LookupError(f"{event.action} is a runtime event of no tenant")
        return CAPTURE_RUNTIME_ACTIVITY.read(work, tenant)
