"""Rate limit of the RPC: checked after access, so that strangers cannot use up a tenant's share."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from ostiary.access.limits import CoarseLimiter
from ostiary.transport.call import Call
from ostiary.transport.pipeline import Proceed


class Limit:
    """Counts the request under its limit."""

    def __init__(self, limiter: CoarseLimiter) -> None:
        self._limiter = limiter

    def __call__(self, call: Call, request: Message, proceed: Proceed) -> Any:
        """Raises 429 when it is one too many."""
        self._limiter.hit(call.rules.limit, address=call.client_ip, principal=call.principal.id, tenant=call.tenant_id)
        return proceed(call, request)
