"""Reflection through the whole server: both packages, every kind of name, gRPC-Web, and streams that say nothing."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.reflection_pb2 import ExtensionRequest, ServerReflectionRequest, ServerReflectionResponse
from kit.patience import PATIENCE_S, awaited
from kit.servers.served import Served, served

V1, V1ALPHA = "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"
BOTH = pytest.mark.parametrize("service", [V1, V1ALPHA])
REFLECTION_STREAMS = 8


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("reflection"), workers=1) as running:
        yield running


def stream(channel: grpc.Channel, requests: Any, service: str = V1) -> Any:
    """A stream of reflection; both packages have the same bytes."""
    call = channel.stream_stream(
        f"/{service}/ServerReflectionInfo",
        ServerReflectionRequest.SerializeToString,
        ServerReflectionResponse.FromString,
    )
    return call(requests, timeout=PATIENCE_S)


def ask(server: Served, *requests: ServerReflectionRequest, service: str = V1) -> list[ServerReflectionResponse]:
    with server.channel() as channel:
        return list(stream(channel, iter(requests), service))


def symbol(name: str) -> ServerReflectionRequest:
    return ServerReflectionRequest(host="h", file_containing_symbol=name)


def files(answer: ServerReflectionResponse) -> list[FileDescriptorProto]:
    sent = answer.file_descriptor_response.file_descriptor_proto
    return [FileDescriptorProto.FromString(data) for data in sent]


@BOTH
def test_the_services_are_those_that_are_served(server: Served, service: str) -> None:
    (answer,) = ask(server, ServerReflectionRequest(list_services="*"), service=service)
    names = [one.name for one in answer.list_services_response.service]
    assert {V1, V1ALPHA, "grpc.health.v1.Health", "identity.access.v1.AccessService"} <= set(names)
    assert names == sorted(set(names))
    found = ask(server, *map(symbol, names), service=service)
    assert [one.WhichOneof("message_response") for one in found] == ["file_descriptor_response"] * len(names)


NAMES = [
    ("identity.access.v1.AccessService", "identity/access/v1/access.proto"),
    ("identity.access.v1.AccessService.CheckAccess", "identity/access/v1/access.proto"),
    ("identity.access.v1.CheckAccessRequest", "identity/access/v1/access.proto"),
    ("identity.options.v1.Access.roles", "identity/options/v1/rules.proto"),
    ("identity.options.v1.ErrorFamily", "identity/options/v1/rules.proto"),
    ("identity.options.v1.ERROR_FAMILY_SCIM", "identity/options/v1/rules.proto"),
    ("identity.options.v1.ErrorFamily.ERROR_FAMILY_SCIM", "identity/options/v1/rules.proto"),
    ("identity.options.v1.rules", "identity/options/v1/rules.proto"),
    ("google.api.http", "google/api/annotations.proto"),
    ("google.api.HttpRule.pattern", "google/api/http.proto"),
    ("google.protobuf.FieldDescriptorProto.TYPE_INT32", "google/protobuf/descriptor.proto"),
    ("grpc.health.v1.HealthCheckResponse.SERVING", None),
    ("grpc.health.v1.Health.Watch", None),
    (V1, "grpc/reflection/v1/reflection.proto"),
    (f"{V1}.ServerReflectionInfo", "grpc/reflection/v1/reflection.proto"),
    ("grpc.reflection.v1.ErrorResponse.error_code", "grpc/reflection/v1/reflection.proto"),
    (f"{V1ALPHA}.ServerReflectionInfo", None),
]


@BOTH
@pytest.mark.parametrize(("name", "path"), NAMES, ids=[name for name, _ in NAMES])
def test_every_kind_of_name_leads_to_its_file(server: Served, name: str, path: str | None, service: str) -> None:
    (answer,) = ask(server, symbol(name), service=service)
    assert (answer.valid_host, answer.original_request) == ("h", symbol(name))
    first, *imported = files(answer)
    assert path in (None, first.name)
    pool = DescriptorPool()
    for file in (*reversed(imported), first):
        _add(pool, file, {one.name: one for one in (first, *imported)})
    assert pool.FindFileByName(first.name)


def _add(pool: DescriptorPool, file: FileDescriptorProto, among: dict[str, FileDescriptorProto]) -> None:
    for name in file.dependency:
        _add(pool, among[name], among)
    pool.Add(file)  # the same twice is no fault


def test_no_file_comes_twice_and_one_that_is_asked_for_comes_again(server: Served) -> None:
    name = "identity.appid.management.v4.TokensService"
    by_name = ServerReflectionRequest(file_by_filename="google/api/http.proto")
    first, again, imported = (files(one) for one in ask(server, symbol(name), symbol(name), by_name))
    names = [file.name for file in first]
    assert len(names) == len(set(names)) > 3
    assert [file.name for file in again] == ["identity/appid/management/v4/tokens.proto"]
    assert [file.name for file in imported] == ["google/api/http.proto"]


@pytest.mark.parametrize(
    "request_",
    [
        symbol("identity.access.v1.AccessService.Nothing"),
        symbol(""),
        symbol(".identity.access.v1.AccessService"),
        symbol("identity.access.v1"),
        ServerReflectionRequest(file_by_filename="etc/passwd"),
        ServerReflectionRequest(all_extension_numbers_of_type="no.such.Message"),
        ServerReflectionRequest(file_containing_extension=ExtensionRequest(containing_type="a.B", extension_number=1)),
        ServerReflectionRequest(
            file_containing_extension=ExtensionRequest(
                containing_type="google.protobuf.MethodOptions", extension_number=3
            )
        ),
    ],
)
def test_what_does_not_exist_is_not_found_and_the_stream_goes_on(
    server: Served, request_: ServerReflectionRequest
) -> None:
    refused, fine = ask(server, request_, ServerReflectionRequest(list_services=""))
    assert refused.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]
    assert refused.original_request == request_
    assert fine.list_services_response.service


def test_a_request_for_nothing_is_invalid(server: Served) -> None:
    (answer,) = ask(server, ServerReflectionRequest())
    assert answer.error_response.error_code == grpc.StatusCode.INVALID_ARGUMENT.value[0]


def test_extensions_are_found_by_number(server: Served) -> None:
    options = "google.protobuf.MethodOptions"
    (answer,) = ask(server, ServerReflectionRequest(all_extension_numbers_of_type=options))
    numbers = list(answer.all_extension_numbers_response.extension_number)
    assert answer.all_extension_numbers_response.base_type_name == options
    assert 72295728 in numbers  # google.api.http
    asked = [ExtensionRequest(containing_type=options, extension_number=number) for number in numbers]
    found = ask(server, *(ServerReflectionRequest(file_containing_extension=one) for one in asked))
    extended = [field for answer in found for field in files(answer)[0].extension if field.extendee == f".{options}"]
    assert {field.number for field in extended} >= set(numbers)
    (none,) = ask(server, ServerReflectionRequest(all_extension_numbers_of_type="identity.options.v1.Access"))
    assert list(none.all_extension_numbers_response.extension_number) == []


# gRPC-Web, whose client waits for the first answer before it ends its questions


@BOTH
@pytest.mark.parametrize("ended", [True, False])
def test_grpc_web_is_answered_whether_or_not_the_questions_have_ended(
    server: Served, service: str, ended: bool
) -> None:
    question = ServerReflectionRequest(list_services="*").SerializeToString()
    done = threading.Event()

    def body() -> Iterator[bytes]:
        yield b"\0" + len(question).to_bytes(4) + question
        if not ended:
            done.wait(PATIENCE_S)

    headers = {"content-type": "application/grpc-web+proto"}
    path = f"/{service}/ServerReflectionInfo"
    content: Any = next(body()) if ended else body()
    began = time.monotonic()
    try:
        if ended:
            answer = server.http.post(path, content=content, headers=headers)
            assert b"identity.access.v1.AccessService" in answer.content
            assert b"grpc-status:0" in answer.content
        else:
            answered = _first_bytes(server, path, headers, question)
            assert b"HTTP/1.1 200 OK" in answered
            assert time.monotonic() - began < 10
    finally:
        done.set()


def _first_bytes(server: Served, path: str, headers: dict[str, str], question: bytes) -> bytes:
    """What comes back before the request has ended."""
    framed = b"\0" + len(question).to_bytes(4) + question
    lines = [f"POST {path} HTTP/1.1", "host: x", *(f"{name}: {value}" for name, value in headers.items())]
    head = "\r\n".join([*lines, "transfer-encoding: chunked", "", ""]).encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) as connection:
        connection.sendall(head + f"{len(framed):x}\r\n".encode() + framed + b"\r\n")
        return connection.recv(65_536)


def test_a_watch_over_grpc_web_is_answered_at_once(server: Served) -> None:
    headers = {"content-type": "application/grpc-web+proto"}
    answered = _first_bytes(server, "/grpc.health.v1.Health/Watch", headers, b"")
    assert b"HTTP/1.1 200 OK" in answered


# Strangers


def held(channel: grpc.Channel) -> tuple[Any, threading.Event]:
    """A stream that asks once and then says nothing."""
    over = threading.Event()

    def requests() -> Iterator[ServerReflectionRequest]:
        yield ServerReflectionRequest(list_services="")
        over.wait(PATIENCE_S)

    return stream(channel, requests()), over


def test_streams_beyond_the_few_are_refused_at_once_and_silent_ones_end(server: Served) -> None:
    with server.channel() as channel:
        streams = [held(channel) for _ in range(REFLECTION_STREAMS)]
        for call, _ in streams:
            assert next(call).list_services_response.service
        began = time.monotonic()
        with pytest.raises(grpc.RpcError) as refused:
            next(held(channel)[0])
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert time.monotonic() - began < 5
        for call, over in streams:  # the gateway ends what says nothing for 15 s
            with pytest.raises(grpc.RpcError):
                next(call)
            over.set()
    awaited(lambda: _answers(server))


def _answers(server: Served) -> bool:
    try:
        return bool(ask(server, ServerReflectionRequest(list_services="")))
    except grpc.RpcError:
        return False
