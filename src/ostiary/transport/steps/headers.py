"""Headers that the dialect of a request checks itself, such as the version in Accept."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from ostiary.transport.call import Call
from ostiary.transport.dialects.dialect import any_headers
from ostiary.transport.pipeline import Proceed, Step
from ostiary.transport.rules import Rules


def check_headers(rules: Rules) -> Step | None:
    """Returns the step of an RPC whose dialect has something to check; None for the others."""
    check_of_dialect = rules.dialect.check_headers
    if check_of_dialect is any_headers:
        return None

    def check(call: Call, request: Message, proceed: Proceed) -> Any:
        check_of_dialect(call.metadata)
        return proceed(call, request)

    return check
