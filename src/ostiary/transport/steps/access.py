"""May they, on this tenant: decided on the decoded message, the one that the servicer uses, before validation."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from ostiary.access.policy import decide
from ostiary.transport.call import Call
from ostiary.transport.pipeline import MALFORMED, Proceed


def authorize(call: Call, request: Message, proceed: Proceed) -> Any:
    """Fills `call.tenant` with the tenant on which the call acts; disabled ones count as unknown.

    A request that cannot be decoded names no tenant: its caller must at least be somebody on his own.
    """
    rules = call.rules
    named = rules.tenant_field and request is not MALFORMED
    tenant_id = getattr(request, rules.tenant_field) if named else call.principal.tenant_id
    if tenant_id:
        call.tenant = call.tenancy.get(call.reading, tenant_id)
    exists = call.tenant is not None and call.tenant.enabled
    decide(rules.need, call.principal, tenant_id, tenant_exists=exists)
    return proceed(call, request)
