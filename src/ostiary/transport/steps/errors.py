"""Unexpected exceptions: the client is told "internal error", and the log has the rest. So any code may simply
raise."""

from __future__ import annotations

import structlog

from ostiary.errors import DomainError, Kind
from ostiary.transport.call import Call

_log = structlog.get_logger("ostiary.errors")


def unforeseen(call: Call) -> DomainError:
    """Returns what the client sees of the exception that is being handled: the request id and nothing else."""
    _log.error("unforeseen", method=call.rules.method, request_id=call.request_id, exc_info=True)
    return DomainError(Kind.INTERNAL, "INTERNAL_ERROR", f"Internal error. Request id: {call.request_id}.")
