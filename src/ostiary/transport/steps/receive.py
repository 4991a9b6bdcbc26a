"""Streamed uploads: the first message is the request, the servicer reads the rest as it is received."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import grpc

from ostiary.access.policy import refuse_nobody
from ostiary.caller import check_awaited, own_caller
from ostiary.errors import DomainError, Kind
from ostiary.transport.call import Call
from ostiary.transport.pipeline import MALFORMED, Proceed, Step, malformed
from ostiary.transport.rules import Rules
from ostiary.transport.transfer_limits import TransferLimit


class Receive:
    """Waits for the first message of an upload, which takes the place of the request."""

    def __init__(self, limit: TransferLimit) -> None:
        self._limit = limit

    def of(self, rules: Rules) -> Step | None:
        """Returns the step for an upload; others have none."""
        return self if rules.uploads else None

    def __call__(self, call: Call, request: Any, proceed: Proceed) -> Any:
        """Strangers are refused before anything is waited for; of the others only a few are waited for at once."""
        refuse_nobody(call.principal)
        call.release()
        with self._limit.take():
            messages = _whole(request)
            first = next(messages, MALFORMED)
            call.upload = itertools.chain([first], messages)
            return proceed(call, first)


def _whole(messages: Iterator[Any]) -> Iterator[Any]:
    """Yields the messages; raises UPLOAD_INTERRUPTED when the client disconnects before the end."""
    try:
        for place, message in enumerate(messages):
            if place and message is MALFORMED:  # the first one is refused when it is known who sent it
                raise malformed()
            yield message
    except grpc.RpcError as error:
        check_awaited(own_caller())
        raise DomainError(Kind.REQUEST_TIMEOUT, "UPLOAD_INTERRUPTED", "The file did not come to its end.") from error
