"""Headers that the dialect of a request checks itself, such as the version in Accept."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from ostiary.transport.call import Call
from ostiary.transport.pipeline import Proceed


def check_headers(call: Call, request: Message, proceed: Proceed) -> Any:
    """Raises what the dialect has against the headers."""
    call.rules.dialect.check_headers(call.metadata)
    return proceed(call, request)
