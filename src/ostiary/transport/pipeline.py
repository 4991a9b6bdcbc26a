"""Pipeline of a request: every RPC goes through the same steps in the same order, over REST and native gRPC alike.

`steps` in `ostiary.app` lists them with the reason for each place. A step gets the call, the request and what
comes after it; the chain of a method is built once, so a request pays for no look-ups.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol, cast

import grpc
from google.protobuf.message import DecodeError, Message

from ostiary.errors import DomainError, invalid
from ostiary.later import now
from ostiary.transport.call import Call
from ostiary.transport.rules import Rules

Proceed = Callable[[Call, Message], Any]


class Step(Protocol):
    """A step, for one concern. Returns what `proceed` returned, or raises; it must call `proceed` at most once.

    Of an upload, `request` is its first message from the step `Receive` on, and the stream of all of them before.
    """

    def __call__(self, call: Call, request: Message, proceed: Proceed) -> Any:
        """Does its part around the rest of the path."""
        ...


@dataclass(frozen=True, slots=True)
class ForSome:
    """A step that only some methods have: those for which `of` returns one. It costs the others nothing."""

    of: Callable[[Rules], Step | None]


class Outermost(Protocol):
    """The step that connects to grpc: creates the call from the context, and turns the result into an answer or an
    abort."""

    def __call__(self, rules: Rules, request: Message, context: grpc.ServicerContext, proceed: Proceed) -> Any:
        """Runs the whole path for one request."""
        ...


_KINDS = {True: "stream", False: "unary"}


class Pipeline(grpc.ServerInterceptor):
    """Wraps the handler of each method in the steps, once per method. `late`: whether the server takes an answer that
    is not there yet."""

    def __init__(
        self,
        rules: dict[str, Rules],
        outermost: Outermost,
        steps: Sequence[Step | ForSome],
        open_methods: frozenset[str],
        streams: ThreadPoolExecutor,
        *,
        late: bool,
    ) -> None:
        self._rules = rules
        self._outermost = outermost
        self._steps = steps
        self._open = open_methods
        self._streams = streams
        self._late = late
        self._handlers: dict[str, Any] = {}
        self._building = threading.Lock()

    def intercept_service(self, continuation: Callable[[Any], Any], details: Any) -> Any:
        """Returns the handler of a method; grpc calls this for every request, and the handler is created at the first
        one."""
        known = self._handlers.get(details.method)
        if known is not None:
            return known
        handler = continuation(details)
        if handler is None:
            return None
        with self._building:
            is_open = details.method.split("/")[1] in self._open
            made = handler if is_open else self._wrapped(handler, self._rules[details.method])
            return self._handlers.setdefault(details.method, self._apart(made))

    def _apart(self, handler: Any) -> Any:
        """Streams get threads of their own: as long as a client likes, one would hold a lane that requests need."""
        if not (handler.request_streaming or handler.response_streaming):
            return handler
        kind = f"{_KINDS[handler.request_streaming]}_{_KINDS[handler.response_streaming]}"
        behaviour = getattr(handler, kind)
        if getattr(behaviour, "experimental_non_blocking", False):  # health's Watch holds no thread
            return handler
        if hasattr(behaviour, "experimental_thread_pool"):  # reflection has its own
            return handler

        def serve(request: Any, context: grpc.ServicerContext) -> Any:
            return behaviour(request, context)

        serve.experimental_thread_pool = self._streams  # type: ignore[attr-defined] # grpc's own name for it
        make = getattr(grpc, f"{kind}_rpc_method_handler")
        return make(serve, handler.request_deserializer, handler.response_serializer)

    def _wrapped(self, handler: Any, rules: Rules) -> Any:
        innermost = handler.stream_unary or handler.unary_stream or handler.unary_unary
        arrays = handler.response_streaming and not rules.downloads
        chain = self._chain(innermost, rules, arrays=arrays)
        outermost = self._outermost

        def serve(request: Any, context: grpc.ServicerContext) -> Any:
            return outermost(rules, request, context, chain)

        def serve_now(request: Any, context: grpc.ServicerContext) -> Any:
            return now(outermost(rules, request, context, chain))

        def serve_stream(request: Message, context: grpc.ServicerContext) -> Iterator[Any]:
            yield from outermost(rules, request, context, chain)

        decode = _forgiving(handler.request_deserializer)
        if rules.uploads:
            return grpc.stream_unary_rpc_method_handler(serve, decode, handler.response_serializer)
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(serve_stream, decode, handler.response_serializer)
        unary = serve if self._late else serve_now
        return grpc.unary_unary_rpc_method_handler(unary, decode, handler.response_serializer)

    def _chain(self, innermost: Callable[[Any, Any], Any], rules: Rules, *, arrays: bool) -> Proceed:
        uploads = rules.uploads

        def servicer(call: Call, request: Message) -> Any:
            answer = innermost(call.upload if uploads else request, call.context)
            # An array is read to its end here, inside the unit of work: it is of bounded length.
            return list(answer) if arrays else answer

        proceed: Proceed = servicer
        for step in reversed(self._steps):
            own = step.of(rules) if isinstance(step, ForSome) else step
            proceed = _bound(own, proceed) if own is not None else proceed
        return proceed


def _bound(step: Step, proceed: Proceed) -> Proceed:
    return lambda call, request: step(call, request, proceed)


def _forgiving(decode: Callable[[bytes], Message]) -> Callable[[bytes], Message]:
    """A path with invalid UTF-8 fails to decode: that is the caller's fault, not a server error."""

    def attempt(data: bytes) -> Message:
        try:
            return decode(data)
        except (DecodeError, UnicodeDecodeError):
            return cast("Message", MALFORMED)

    return attempt


class _Malformed:
    DESCRIPTOR = None


MALFORMED: Any = _Malformed()
"""The placeholder for a request that could not be decoded, so that its refusal goes through the same steps."""


BODILESS = "x-bodiless"
"""The header with which the gateway says that a REST request lacks the body that it must have."""
MISSHAPEN = "x-local-misshapen"
"""The header with which the gateway says which value in a body of JSON must be a list, or an object, or neither. The
message that comes with it is empty."""


def refuse_malformed(call: Call, request: Message, proceed: Proceed) -> Any:
    """The step that turns an undecodable request into a refusal; after authentication, which reads headers only."""
    if request is MALFORMED:
        raise malformed()
    if BODILESS in call.metadata and call.is_rest:
        raise invalid("BODY_MISSING", "The request has no body; this operation takes JSON.")
    if MISSHAPEN in call.metadata:
        raise invalid("INVALID_FIELD", call.metadata[MISSHAPEN])
    return proceed(call, request)


def malformed() -> DomainError:
    """Returns the error for a request that cannot be decoded."""
    return invalid("MALFORMED_REQUEST", "The request cannot be decoded: is every text valid UTF-8?")
