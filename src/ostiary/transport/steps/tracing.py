"""Tracing: one span for each request, exported over OTLP; an extra, active with `OTEL_EXPORTER_OTLP_ENDPOINT`.

The span continues the caller's trace (W3C traceparent) and has the name of the RPC, its outcome and the request id;
no personal data and no secret.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message

from ostiary.errors import DomainError
from ostiary.later import Later
from ostiary.transport.call import Call
from ostiary.transport.pipeline import Proceed, Step

ENDPOINT_VARIABLE = "OTEL_EXPORTER_OTLP_ENDPOINT"


class TracingError(Exception):
    """Tracing was asked for and cannot be had; the server does not start."""


def tracing() -> list[Step]:
    """The tracing step when the environment names an endpoint, else none. Starts a thread: call it after a fork."""
    if not os.environ.get(ENDPOINT_VARIABLE):
        return []
    try:
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise TracingError(f"{ENDPOINT_VARIABLE} is set; install the extra: pip install 'ostiary[otel]'") from error
    provider = TracerProvider(resource=Resource.create({"service.name": "ostiary"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return [Trace(provider.get_tracer("ostiary"))]


class Trace:
    """Wraps the rest of the path in a span."""

    def __init__(self, tracer: Any) -> None:
        from opentelemetry.trace import use_span
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._tracer = tracer
        self._use_span = use_span
        self._propagator = TraceContextTextMapPropagator()

    def __call__(self, call: Call, request: Message, proceed: Proceed) -> Any:
        """A refusal marks the span with its reason, and is no exception event."""
        parent = self._propagator.extract(call.metadata)
        attributes = {"rpc.system": "grpc", "rpc.method": call.rules.method, "ostiary.request_id": call.request_id}
        span = self._tracer.start_span(call.rules.method[1:], parent, attributes=attributes)
        return self._within(span, lambda: proceed(call, request))

    def _within(self, span: Any, path: Callable[[], Any]) -> Any:
        """Runs the path in the span, and ends it; a late answer continues and ends it when it comes."""
        with self._use_span(span, end_on_exit=False, record_exception=False):
            try:
                answer = path()
            except BaseException as error:
                if isinstance(error, DomainError):
                    span.set_attribute("ostiary.reason", error.reason)
                span.end()
                raise
        if isinstance(answer, Later):
            return answer.around(lambda value: self._within(span, value))
        span.end()
        return answer
