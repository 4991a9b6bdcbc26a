"""What was done is recorded in the transaction that did it: who, what, which tenant, how it ended; ids only."""

from __future__ import annotations

import re
from typing import Any

from google.protobuf.message import Message

from ostiary.clock import Clock
from ostiary.settings.runtime_audit import CAPTURE_RUNTIME_ACTIVITY
from ostiary.store.audit import Entry, record
from ostiary.store.work import Work
from ostiary.transport.call import Call
from ostiary.transport.pipeline import Proceed


class Audit:
    """Gives the call what records its RPC's audit event; `Call.transaction` does it, so that both stand or fall."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def __call__(self, call: Call, request: Message, proceed: Proceed) -> Any:
        """Only RPCs with an `audit` name. One that succeeds without a record is a fault of ours, and fails.

        Where anybody may call, nobody is known yet: a sign-in records itself who it was, under the same name.
        """
        if call.rules.audit and not call.rules.need.anonymous:
            call.record = lambda work: self._record(work, call, request)
        answer = proceed(call, request)
        if call.record is not None:
            raise LookupError(f"{call.rules.method} changed something outside Call.transaction, unrecorded")
        return answer

    def _record(self, work: Work, call: Call, request: Message) -> None:
        is_runtime = call.rules.options.audit_runtime
        if not is_runtime or CAPTURE_RUNTIME_ACTIVITY.read(work, call.the_tenant).is_active:
            # A documented name may hold a part of the path: `appid.mfa-extension-{name}.update`.
            action = _FIELD.sub(lambda found: str(getattr(request, found[1])), call.rules.audit)
            record(work, self._clock.now_ms(), audit_entry(call, action, request))


_FIELD = re.compile(r"\{(\w+)\}")
_TARGET_FIELDS = ("user_id", "id", "client_id", "role_id", "org_id")


def audit_entry(call: Call, action: str, request: Message) -> Entry:
    """The entry of this call; the target is the id that the request names, else the tenant."""
    target = next((value for name in _TARGET_FIELDS if (value := getattr(request, name, ""))), call.tenant_id)
    return Entry(
        tenant_id=call.tenant_id, action=action, initiator_kind=call.principal.kind.value,
        initiator_id=call.principal.id, target_id=call.audit_target or target, request_id=call.request_id,
    )  # fmt: skip
