"""Bounds of the request: what the proto allows in its fields, checked on the decoded message."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from ostiary.transport.call import Call
from ostiary.transport.pipeline import Proceed, Step
from ostiary.transport.rules import Rules


def check_allowed(rules: Rules) -> Step | None:
    """Returns the step of an RPC that refuses a request beyond its bounds; None where the proto bounds nothing.

    The refusal names the field, the bound and what would be right. A body that is a google.api.HttpBody is bytes here:
    the operation reads and checks it.
    """
    excess_of = rules.excess_of
    if excess_of is None:
        return None

    def check(call: Call, request: Message, proceed: Proceed) -> Any:
        excess = excess_of(request)
        if excess is not None:
            raise excess.error()
        return proceed(call, request)

    return check
