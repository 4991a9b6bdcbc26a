"""A gRPC server of `dialects.proto` that answers as each request asks: whatever the gateway may meet behind it.

The request header `x-answer` is JSON: `initial` and `trailing` (lists of name and value), `code` (a gRPC status),
`message`, `sleep` (seconds), `raw` and `type` (an HttpBody), `count` (items of a stream). Without it, the answer holds
what arrived.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import grpc_tools
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_tools import protoc

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def compile_descriptors(folder: Path) -> bytes:
    """The descriptor set of `dialects.proto` with all that it imports."""
    target = folder / "dialects.binpb"
    roots = [HERE, ROOT / "proto", ROOT / "third_party", Path(grpc_tools.__file__).parent / "_proto"]
    includes = [f"-I{root}" for root in roots]
    assert protoc.main(["protoc", *includes, "--include_imports", f"-o{target}", "dialects.proto"]) == 0
    return target.read_bytes()


class DialectsServer:
    """One worker: all services of `dialects.proto`, and health under the name that the gateway asks for."""

    def __init__(self, descriptors: bytes, address: str, health_service: str) -> None:
        self.calls: list[str] = []
        self.health = health.HealthServicer()
        self.health.set(health_service, health_pb2.HealthCheckResponse.SERVING)
        self._server = grpc.server(futures.ThreadPoolExecutor(8), options=[("grpc.max_metadata_size", 65_536)])
        health_pb2_grpc.add_HealthServicer_to_server(self.health, self._server)
        pool = DescriptorPool()
        for file in FileDescriptorSet.FromString(descriptors).file:
            pool.Add(file)
        for service in pool.FindFileByName("dialects.proto").services_by_name.values():
            handlers = {method.name: self._handler(method) for method in service.methods}
            self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, handlers),))
        self._server.add_insecure_port(address)
        self._server.start()

    def stop(self) -> None:
        """Ends at once, as a killed worker would."""
        self._server.stop(None).wait()

    def _handler(self, method: Any) -> Any:
        request_class = message_factory.GetMessageClass(method.input_type)
        answer_class = message_factory.GetMessageClass(method.output_type)

        def serve(request: Any, context: grpc.ServicerContext) -> Any:
            return self._answer(method.name, request, context, answer_class)

        def stream(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
            wanted = _wanted(context)
            first = self._answer(method.name, request, context, answer_class)
            yield from [first] * int(wanted.get("count", 1))

        coding = {
            "request_deserializer": request_class.FromString,
            "response_serializer": lambda message: message.SerializeToString(),
        }
        if method.server_streaming:
            return grpc.unary_stream_rpc_method_handler(stream, **coding)
        return grpc.unary_unary_rpc_method_handler(serve, **coding)

    def _answer(self, name: str, request: Any, context: grpc.ServicerContext, answer_class: Any) -> Any:
        self.calls.append(name)
        wanted = _wanted(context)
        time.sleep(wanted.get("sleep", 0))
        if "code" in wanted:
            context.set_trailing_metadata(tuple(map(tuple, wanted.get("trailing", []))))
            context.abort(grpc.StatusCode[wanted["code"]], wanted.get("message", ""))
        if "initial" in wanted:
            context.send_initial_metadata(tuple(map(tuple, wanted["initial"])))
        seen = {
            "request": json_format.MessageToDict(request),
            "metadata": {key: value for key, value in context.invocation_metadata() if isinstance(value, str)},
            "seconds": context.time_remaining() or 0,
        }
        answer = answer_class()
        if answer_class.DESCRIPTOR.full_name == "google.api.HttpBody":
            answer.content_type = wanted.get("type", "application/json")
            answer.data = wanted.get("raw", json.dumps(seen)).encode()
        elif answer_class.DESCRIPTOR.full_name == "dialects.v1.Settings":
            answer.name = "né"
            json_format.ParseDict(seen, answer.seen)
        return answer


def _wanted(context: grpc.ServicerContext) -> dict[str, Any]:
    text = dict(context.invocation_metadata()).get("x-answer", "{}")
    wanted: dict[str, Any] = json.loads(text)
    return wanted
