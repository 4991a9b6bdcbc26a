"""Late answers of grpc's synchronous server: the threads that answer requests never wait for a message or a signature.

grpc hands each call to an executor as a function that waits for the request's message, runs the handler and sends what
it returns. `CallExecutor` is that executor. It does the same with the same parts of grpc, in two respects otherwise: it
asks for the message first, so that a thread is taken when there is one; and what a handler returns as `Later` is sent
when it is there, by the thread that brings it, while this one takes the next call.

grpc has no public interface for that but `grpc.aio`, which takes 1.4 to 1.8 times the CPU. So this is the only module
that uses private parts of grpc. It knows them as they are in the releases `KNOWN`; with another one calls take grpc's
own way, each `Later` is waited for, and the log says so at the start.
"""

# ruff: noqa: SLF001 - see above
from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, cast

import grpc
import grpc._server
import structlog
from grpc._cython import cygrpc as core  # type: ignore[attr-defined] # it has no types

from ostiary.lanes import LaneExecutor
from ostiary.later import Later

KNOWN = ("1.85.",)
"""The beginnings of the versions whose private parts this module was tested with."""
_NO_FLAGS = 0
parts: Any = grpc._server
_log = structlog.get_logger("ostiary.transport")


def is_known() -> bool:
    """Whether the installed grpc is one of those whose parts this module knows."""
    return grpc.__version__.startswith(KNOWN)


def executor_for(lanes: LaneExecutor) -> ThreadPoolExecutor:
    """The executor for `grpc.server`: all that grpc asks of it is `submit`."""
    if is_known():
        return cast("ThreadPoolExecutor", CallExecutor(lanes))
    _log.warning("answers wait for signatures: late answers are not known with this grpc", grpc=grpc.__version__)
    return cast("ThreadPoolExecutor", lanes)


class CallExecutor:
    """The threads of `lanes`, for calls with one request and one answer; all others go there as they are. Streams have
    executors of their own, and never come here."""

    def __init__(self, lanes: LaneExecutor) -> None:
        self._lanes = lanes

    def submit(self, function: Callable[..., Any], /, *given: Any) -> Future[Any]:
        """Called by grpc in its own thread, which holds the lock of the call's state."""
        if given[0] is not parts._unary_response_in_pool:
            return self._lanes.submit(function, *given)
        _, event, state, behaviour, _, decode, encode = given
        unary = _Unary(self._lanes, event, state, behaviour, decode, encode)
        unary.receive()
        return cast("Future[Any]", unary)


class _Unary:
    """A call with one request and one answer; in place of a future, whose end is all that grpc wants to know of."""

    __slots__ = ("_behaviour", "_decode", "_encode", "_ended", "_event", "_lanes", "_once", "_receive", "_state")

    def __init__(self, lanes: LaneExecutor, event: Any, state: Any, behaviour: Any, decode: Any, encode: Any) -> None:
        self._lanes = lanes
        self._event = event
        self._state = state
        self._behaviour = behaviour
        self._decode = decode
        self._encode = encode
        self._once = threading.Lock()

    def add_done_callback(self, ended: Callable[[Any], None]) -> None:
        """Has `ended` called when the call needs no thread any more; once, by grpc."""
        self._ended = ended
        self._end()

    def receive(self) -> None:
        """Asks for the request's message. Hold the state's lock."""
        self._receive = parts._receive_message(self._state, self._event.call, self._decode)
        operation = core.ReceiveMessageOperation(_NO_FLAGS)
        self._event.call.start_server_batch((operation,), self._received)
        self._state.due.add(parts._RECEIVE_MESSAGE_TOKEN)

    def _received(self, event: Any) -> Any:
        done = self._receive(event)
        self._lanes.start(self._answer)
        return done

    def _answer(self) -> None:
        """Runs the handler, in a thread of the lanes."""
        state = self._state
        request, state.request = state.request, None
        if request is None:
            self._refuse()
            self._end()
            return
        answer, is_fine = parts._call_behavior(self._event, state, self._behaviour, request, self._decode)
        if is_fine and answer.__class__ is Later:
            answer.deliver(self._deliver)
            return
        if is_fine:
            self._send(answer)
        self._end()

    def _deliver(self, later: Later[Any]) -> None:
        """Sends what has come, in the thread that has brought it."""
        answer, is_fine = parts._call_behavior(self._event, self._state, lambda *_: later.value(), None, None)
        if is_fine:
            self._send(answer)
        self._end()

    def _send(self, answer: Any) -> None:
        try:
            sent = parts._serialize_response(self._event, self._state, answer, self._encode)
            if sent is not None:
                parts._status(self._event, self._state, sent)
        except Exception:  # noqa: BLE001 - as grpc does; the thread goes on
            traceback.print_exc()

    def _refuse(self) -> None:
        """The caller has gone, or has ended the call without a message."""
        with self._state.condition:
            if parts._is_rpc_state_active(self._state):
                details = b"The call requires exactly one request message."
                parts._abort(self._state, self._event.call, core.StatusCode.unimplemented, details)

    def _end(self) -> None:
        if not self._once.acquire(blocking=False):  # the second of the two: the call has ended, and grpc listens
            self._ended(self)
