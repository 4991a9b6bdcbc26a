"""Audit of what was done, read or refused: caller, action, tenant, outcome; ids only."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from google.protobuf.message import Message

from ostiary.access.principals import PrincipalKind
from ostiary.audit.event import UNKNOWN, Event
from ostiary.audit.runtime_events import attributes_event
from ostiary.audit.sink import EventSink
from ostiary.errors import DomainError, Kind
from ostiary.store.work import Work
from ostiary.transport.bounds.reading import bounds_of
from ostiary.transport.call import Call
from ostiary.transport.pipeline import MALFORMED, Proceed, Step
from ostiary.transport.rules import Rules

_UNRECORDED = frozenset({Kind.LIMITED, Kind.INTERNAL, Kind.UNAVAILABLE, Kind.CANCELLED, Kind.DEADLINE_EXCEEDED})
"""Refusals that say something about the server, or that nobody heard: to record them would make an overload worse."""
_STRANGERS = frozenset({PrincipalKind.ANONYMOUS, PrincipalKind.END_USER})
"""The roles that anybody has: records of their refusals could fill the ledger."""


class Audit:
    """The step that gives the call what records its RPC's audit event.

    A change is recorded by `Call.transaction`, so that both are committed or neither; a read, where `reads` says so,
    and a refusal a moment later, since nothing depends on them.
    """

    def __init__(self, events: EventSink, *, reads: bool) -> None:
        self._events = events
        self._reads = reads

    def of(self, rules: Rules) -> Step | None:
        """Returns the step for RPCs with an `audit` name; others have none. Where anybody may call, nobody is known
        yet: a sign-in records itself who it was, under the same name."""
        return self if rules.audit and not rules.need.anonymous else None

    def __call__(self, call: Call, request: Message, proceed: Proceed) -> Any:
        """A change that succeeds without a record is a fault of ours, and fails."""
        if call.rules.changes:
            call.record = lambda work: self._record(work, call, request)
        try:
            answer = proceed(call, request)
        except DomainError as error:
            if error.kind not in _UNRECORDED and call.principal.kind not in _STRANGERS:
                self._events.emit_later(refused(call, request, error.kind.value))
            raise
        if call.record is not None and not call.is_recorded:
            raise LookupError(f"{call.rules.method} changed something outside Call.transaction, unrecorded")
        if not call.rules.changes and (self._reads or call.rules.options.audit_runtime):
            event = event_of(call, request)
            if self._events.is_wanted(call.reading, event, call.tenant):
                self._events.emit_later(event)
        return answer

    def _record(self, work: Work, call: Call, request: Message) -> None:
        event = event_of(call, request)
        if not call.audit_targets:
            self._events.emit(work, event, call.tenant)
        for target in call.audit_targets:
            self._events.emit(work, replace(event, target_id=target), call.tenant)


_FIELD = re.compile(r"\{(\w+)\}")
_TARGET_FIELDS = ("user_id", "id", "client_id", "role_id", "org_id")


def event_of(call: Call, request: Message) -> Event:
    """The event of this call; the target is the id that the request names, else the tenant."""
    action = _action(call, request)
    if call.rules.options.audit_runtime:
        return attributes_event(call.tenant_id, action, call.principal.id, call.request_id)
    return _event(call, action, call.audit_target or _named_by(request) or call.tenant_id)


def _named_by(request: Message) -> str:
    """The id that the request names; empty where it names none."""
    return next((value for name in _TARGET_FIELDS if (value := getattr(request, name, ""))), "")


def refused(call: Call, request: Message, status: int) -> Event:
    """The event of a call that was refused. What it named is not kept: it may be anything."""
    return _event(call, _action(call, request), UNKNOWN, outcome="failure", reason_code=status)


def _action(call: Call, request: Message) -> str:
    """A documented name may hold a part of the path, `appid.mfa-extension-{name}.update`: one of the values that the
    proto allows there."""

    def known(found: re.Match[str]) -> str:
        if request is MALFORMED:
            return UNKNOWN
        value, field = str(getattr(request, found[1])), request.DESCRIPTOR.fields_by_name[found[1]]
        return value if value in bounds_of(field).values else UNKNOWN

    return _FIELD.sub(known, call.rules.audit)


def _event(call: Call, action: str, target_id: str, *, outcome: str = "success", reason_code: int = 200) -> Event:
    service, thing = action.split(".")[:2]
    return Event(
        call.tenant_id, action, outcome, reason_code, call.principal.kind.value, call.principal.id,
        f"{service}/{thing}", target_id, request_id=call.request_id,
    )  # fmt: skip
