"""Everything below may simply raise: what nobody foresaw becomes "internal error" here and goes to the log."""

from __future__ import annotations

from typing import Any

import structlog
from google.protobuf.message import Message

from ostiary.errors import DomainError, Kind
from ostiary.transport.call import Call
from ostiary.transport.pipeline import Proceed

_log = structlog.get_logger("ostiary.errors")


def guard(call: Call, request: Message, proceed: Proceed) -> Any:
    """Passes DomainErrors on; an unknown exception tells the client nothing but the request id."""
    try:
        return proceed(call, request)
    except DomainError:
        raise
    except Exception as error:
        _log.error("unforeseen", method=call.rules.method, request_id=call.request_id, exc_info=True)
        message = f"Internal error. Request id: {call.request_id}."
        raise DomainError(Kind.INTERNAL, "INTERNAL_ERROR", message) from error
