"""The stream on which a client asks what a server offers (gRPC Server Reflection Protocol).

A stream holds a thread while it waits for its client. So there are few at once, on threads of their own, and the
gateway ends streams that are idle or long: a client with further questions opens another stream, as all clients do.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
from google.protobuf.descriptor import FileDescriptor, ServiceDescriptor
from grpc_reflection.v1alpha.reflection_pb2 import (
    ErrorResponse,
    ExtensionNumberResponse,
    FileDescriptorResponse,
    ListServiceResponse,
    ServerReflectionRequest,
    ServerReflectionResponse,
    ServiceResponse,
)

from ostiary.services.reflection.catalogue import Catalogue, with_imports
from ostiary.services.reflection.protocol import METHOD, V1, V1ALPHA

MOST_STREAMS = 8
"""The limit for each worker."""
SERVICE_NAMES = (V1.full_name, V1ALPHA.full_name)
Stream = Callable[[Iterable[ServerReflectionRequest], grpc.ServicerContext], Iterator[ServerReflectionResponse]]


def add_reflection(services: Iterable[ServiceDescriptor], server: grpc.Server) -> None:
    """Answers reflection about `services`, and about itself."""
    catalogue = Catalogue([*services, V1, V1ALPHA])
    handler = grpc.stream_stream_rpc_method_handler(
        _few(lambda requests, _: Conversation(catalogue).answers(requests)),
        ServerReflectionRequest.FromString,  # the same bytes in both packages
        ServerReflectionResponse.SerializeToString,
    )
    server.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler(name, {METHOD: handler}) for name in SERVICE_NAMES]
    )


def _few(stream: Stream) -> Stream:
    """`stream` on threads of its own, of which one is always left to say that there are no more."""
    free = threading.BoundedSemaphore(MOST_STREAMS)

    def serve(
        requests: Iterable[ServerReflectionRequest], context: grpc.ServicerContext
    ) -> Iterator[ServerReflectionResponse]:
        if not free.acquire(blocking=False):
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "Too many streams of reflection are open; repeat soon.")
        try:
            yield from stream(requests, context)
        finally:
            free.release()

    serve.experimental_thread_pool = ThreadPoolExecutor(  # type: ignore[attr-defined] # grpc's own name for it
        MOST_STREAMS + 1, thread_name_prefix="reflection"
    )
    return serve


class Conversation:
    """A stream. A file that was sent on it is not sent again, unless it is asked for by itself."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._sent: set[str] = set()

    def answers(self, requests: Iterable[ServerReflectionRequest]) -> Iterator[ServerReflectionResponse]:
        """An answer to each request, in order. What does not exist ends nothing."""
        for request in requests:
            answer = ServerReflectionResponse(valid_host=request.host, original_request=request)
            try:
                self._answer(request, answer)
            except KeyError:
                _refuse(answer, grpc.StatusCode.NOT_FOUND, "Nothing that is served has this name or number.")
            yield answer

    def _answer(self, request: ServerReflectionRequest, answer: ServerReflectionResponse) -> None:
        match request.WhichOneof("message_request"):
            case "list_services":
                names = [ServiceResponse(name=name) for name in self._catalogue.services]
                answer.list_services_response.CopyFrom(ListServiceResponse(service=names))
            case "file_by_filename":
                self._send(self._catalogue.file(request.file_by_filename), answer)
            case "file_containing_symbol":
                self._send(self._catalogue.file_of(request.file_containing_symbol), answer)
            case "file_containing_extension":
                asked = request.file_containing_extension
                self._send(self._catalogue.file_of_extension(asked.containing_type, asked.extension_number), answer)
            case "all_extension_numbers_of_type":
                extended = request.all_extension_numbers_of_type
                numbers = self._catalogue.extension_numbers(extended)
                answer.all_extension_numbers_response.CopyFrom(
                    ExtensionNumberResponse(base_type_name=extended, extension_number=numbers)
                )
            case _:
                _refuse(answer, grpc.StatusCode.INVALID_ARGUMENT, "The request asks for nothing that is known here.")

    def _send(self, file: FileDescriptor, answer: ServerReflectionResponse) -> None:
        files = [one for one in with_imports(file) if one is file or one.name not in self._sent]
        self._sent.update(one.name for one in files)
        serialized = [one.serialized_pb for one in files]
        answer.file_descriptor_response.CopyFrom(FileDescriptorResponse(file_descriptor_proto=serialized))


def _refuse(answer: ServerReflectionResponse, code: grpc.StatusCode, message: str) -> None:
    answer.error_response.CopyFrom(ErrorResponse(error_code=code.value[0], error_message=message))
