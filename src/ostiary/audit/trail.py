"""Reading of the audit ledger: for the operator's export, and for a tenant's recent activity."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import sleep
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, select, tuple_

from ostiary.audit.event import UNKNOWN
from ostiary.clock import Clock, rfc3339
from ostiary.store.engine import Store
from ostiary.store.tables import AuditEvent, table_of
from ostiary.store.tables.trail_and_outbox import AUTHENTICATIONS
from ostiary.store.work import Work

PAGE = 1_000
SETTLED_MS = 15_000
"""The age at which a record is surely visible: it has the time at which its transaction began and appears when that
ends; no transaction takes longer."""
_EVENTS = table_of(AuditEvent)
_POSITION = (_EVENTS.c.at, _EVENTS.c.id)


def events(store: Store, since_ms: int, until_ms: int, tenant_id: str = "") -> Iterator[Row[Any]]:
    """The records from `since_ms` to before `until_ms`, oldest first, of one tenant or of all; a page in memory."""
    wanted: list[ColumnElement[bool]] = [_EVENTS.c.at < until_ms]
    if tenant_id:
        wanted.append(_EVENTS.c.tenant_id == tenant_id)
    after = (since_ms, 0)
    while True:
        with store.read() as work:
            page = work.rows(_ordered(*wanted, tuple_(*_POSITION) > after).limit(PAGE))
        yield from page
        if len(page) < PAGE:
            return
        after = (page[-1].at, page[-1].id)


def followed(
    store: Store, clock: Clock, since_ms: int, tenant_id: str = "", pause: Callable[[], None] = lambda: sleep(1)
) -> Iterator[Row[Any]]:
    """Yields the same without an end: new records, each once and in order, as soon as no earlier one can appear."""
    while True:
        until_ms = clock.now_ms() - SETTLED_MS
        if until_ms > since_ms:
            yield from events(store, since_ms, until_ms, tenant_id)
            since_ms = until_ms
        pause()


def recent_authentications(work: Work, tenant_id: str, count: int) -> list[Row[Any]]:
    """The latest sign-ins of users and applications, newest first."""
    newest = select(_EVENTS).where(_EVENTS.c.tenant_id == tenant_id, AUTHENTICATIONS)
    return list(work.rows(newest.order_by(*(column.desc() for column in _POSITION)).limit(count)))


def event_document(event: Row[Any]) -> dict[str, Any]:
    """A record as an auditor reads it."""
    return {
        "id": str(event.id),
        "eventTime": rfc3339(event.at),
        "action": event.action,
        "outcome": event.outcome,
        "reason": {"reasonCode": event.reason_code},
        "initiator": {"id": event.initiator_id, "kind": event.initiator_kind},
        "target": {"id": _crn(event), "name": event.target_name, "typeURI": event.target_type},
        "tenantId": event.tenant_id,
        "requestId": event.request_id,
    }


def _crn(event: Row[Any]) -> str:
    """A cloud resource name: version, cloud, kind of cloud, service, location, scope, instance, type, resource."""
    if not event.target_id or event.target_id == UNKNOWN:
        return "crn:unknown"
    service, _, kind = event.target_type.partition("/")
    return f"crn:v1:ostiary:private:{service}:::{event.tenant_id}:{kind or service}:{event.target_id}"


def _ordered(*wanted: ColumnElement[bool]) -> Select[Any]:
    return select(_EVENTS).where(*wanted).order_by(*_POSITION)
