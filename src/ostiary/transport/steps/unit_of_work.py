"""Unit of work: one transaction around the servicer, as the rules of the RPC say; return commits, raise rolls back."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from ostiary.transport.call import Call
from ostiary.transport.pipeline import Proceed
from ostiary_api.options.v1 import rules_pb2 as options


def unit_of_work(call: Call, request: Message, proceed: Proceed) -> Any:
    """READ shares the connection that authentication used; WRITE begins; OWN and NONE begin nothing and hold none."""
    transaction = call.rules.transaction
    if transaction == options.TRANSACTION_READ:
        return proceed(call, request)
    if transaction != options.TRANSACTION_WRITE:
        call.release()
        return proceed(call, request)
    with call.transaction() as work:
        call.writing = work
        try:
            return proceed(call, request)
        finally:
            call.writing = None
