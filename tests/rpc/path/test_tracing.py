"""Spans reach a real OTLP collector, continue the caller's trace, and tell nothing personal."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from kit.callers import serving
from kit.servers.installation import install
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from ostiary_api.appid.management.v4 import tokens_pb2 as pb
from ostiary_api.appid.management.v4.tokens_pb2_grpc import TokensServiceStub

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Keeps the spans that it is sent."""

    def __init__(self) -> None:
        self.spans: queue.Queue[Span] = queue.Queue()

    def Export(
        self, request: trace_service_pb2.ExportTraceServiceRequest, context: grpc.ServicerContext
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self.spans.put(span)
        return trace_service_pb2.ExportTraceServiceResponse()


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    made = Collector()
    server = grpc.server(ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(made, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    yield made
    server.stop(None).wait()


def test_a_request_is_a_span_of_the_callers_trace(collector: Collector, tmp_path: Path) -> None:
    installation = install(f"sqlite:///{tmp_path}/ostiary.sqlite3", tmp_path)
    with serving(installation) as caller:
        credentials = caller.as_role("reader")
        credentials["metadata"] += (("traceparent", f"00-{TRACE}-{PARENT}-01"),)
        stub = TokensServiceStub(caller.channel)
        with pytest.raises(grpc.RpcError):
            stub.GetTokensConfig(pb.GetTokensConfigRequest(tenant_id="unknown"), **credentials)
        found = [collector.spans.get(timeout=10), collector.spans.get(timeout=10)]
    (span,) = [span for span in found if span.name.endswith("GetTokensConfig")]
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)
    facts = {attribute.key: attribute.value.string_value for attribute in span.attributes}
    assert facts["ostiary.reason"] == "TENANT_NOT_FOUND"
    assert "unknown" not in str(facts)
    assert not span.events
