"""Audit of what was done, read or refused: caller, action, tenant, outcome; ids only."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from google.protobuf.message import Message

from ostiary.access.principals import PrincipalKind
from ostiary.audit.entries import UNKNOWN, Entry, record
from ostiary.audit.runtime_events import attributes_event, captures
from ostiary.clock import Clock
from ostiary.errors import DomainError, Kind
from ostiary.oauth.token.group_commit import GroupCommit
from ostiary.store.work import Work
from ostiary.transport.call import Call
from ostiary.transport.pipeline import MALFORMED, Proceed
from ostiary_api.options.v1.rest_pb2 import allowed

_UNRECORDED = frozenset({Kind.LIMITED, Kind.INTERNAL, Kind.UNAVAILABLE, Kind.CANCELLED, Kind.DEADLINE_EXCEEDED})
"""Refusals that say something about the server, or that nobody heard: to record them would make an overload worse."""
_STRANGERS = frozenset({PrincipalKind.ANONYMOUS, PrincipalKind.END_USER})
"""The roles that anybody has: records of their refusals could fill the ledger."""


class Audit:
    """The step that gives the call what records its RPC's audit event.

    A change is recorded by `Call.transaction`, so that both are committed or neither; a read, where `reads` says so,
    and a refusal a moment later, since nothing depends on them.
    """

    def __init__(self, clock: Clock, group_commit: GroupCommit, *, reads: bool) -> None:
        self._clock = clock
        self._group_commit = group_commit
        self._reads = reads

    def __call__(self, call: Call, request: Message, proceed: Proceed) -> Any:
        """Records only RPCs with an `audit` name. A change that succeeds without a record is a fault of ours, and
        fails.

        Where anybody may call, nobody is known yet: a sign-in records itself who it was, under the same name.
        """
        if not call.rules.audit or call.rules.need.anonymous:
            return proceed(call, request)
        if call.rules.changes:
            call.record = lambda work: self._record(work, call, request)
        try:
            answer = proceed(call, request)
        except DomainError as error:
            if error.kind not in _UNRECORDED and call.principal.kind not in _STRANGERS:
                self._group_commit.note(self._clock.now_ms(), refused(call, request, error.kind.value))
            raise
        if call.record is not None and not call.is_recorded:
            raise LookupError(f"{call.rules.method} changed something outside Call.transaction, unrecorded")
        if not call.rules.changes and self._is_wanted(call.reading, call):
            self._group_commit.note(self._clock.now_ms(), entry_of(call, request))
        return answer

    def _record(self, work: Work, call: Call, request: Message) -> None:
        if not self._is_wanted(work, call):
            return
        entry, now_ms = entry_of(call, request), self._clock.now_ms()
        for target in call.audit_targets or (entry.target_id,):
            record(work, now_ms, replace(entry, target_id=target))

    def _is_wanted(self, work: Work, call: Call) -> bool:
        if call.rules.options.audit_runtime:
            return captures(work, call.required_tenant)
        return self._reads or call.rules.changes


_FIELD = re.compile(r"\{(\w+)\}")
_TARGET_FIELDS = ("user_id", "id", "client_id", "role_id", "org_id")


def entry_of(call: Call, request: Message) -> Entry:
    """The entry of this call; the target is the id that the request names, else the tenant."""
    action = _action(call, request)
    target = next((value for name in _TARGET_FIELDS if (value := getattr(request, name, ""))), call.tenant_id)
    if call.rules.options.audit_runtime:
        return attributes_event(call.tenant_id, action, call.principal.id, call.request_id)
    return replace(_entry(call, action), target_id=call.audit_target or target)


def refused(call: Call, request: Message, status: int) -> Entry:
    """The entry of a call that was refused. What it named is not kept: it may be anything."""
    entry = _entry(call, _action(call, request))
    return replace(entry, outcome="failure", reason_code=status, target_id=UNKNOWN)


def _action(call: Call, request: Message) -> str:
    """A documented name may hold a part of the path, `appid.mfa-extension-{name}.update`: one of the values that the
    proto allows there."""

    def known(found: re.Match[str]) -> str:
        if request is MALFORMED:
            return UNKNOWN
        value, field = str(getattr(request, found[1])), request.DESCRIPTOR.fields_by_name[found[1]]
        return value if value in field.GetOptions().Extensions[allowed].values else UNKNOWN

    return _FIELD.sub(known, call.rules.audit)


def _entry(call: Call, action: str) -> Entry:
    service, thing = action.split(".")[:2]
    return Entry(
        tenant_id=call.tenant_id, action=action, initiator_kind=call.principal.kind.value,
        initiator_id=call.principal.id, target_type=f"{service}/{thing}", request_id=call.request_id,
    )  # fmt: skip
