"""Clients that begin and never end, on purpose or not (G75): whatever they hold open, others are served."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from kit.served import Served, served

MANY = 60
"""Far more than a worker has threads."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("slow"), workers=1, threads=24) as running:
        yield running


def half_open_posts(server: Served, stack: ExitStack) -> None:
    head = (
        f"POST /oauth/v4/{server.credentials['tenantId']}/token HTTP/1.1\r\nHost: localhost\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\ngrant_type="
    )
    for _ in range(MANY):
        connection = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
        connection.sendall(head.encode())


def half_open_rpcs(server: Served, stack: ExitStack) -> None:
    channel = stack.enter_context(server.channel())
    for _ in range(MANY):
        call = channel.stream_unary("/identity.oidc.v1.ProviderService/IssueToken")
        stack.callback(call.future(_silence(stack)).cancel)


def reflection_streams(server: Served, stack: ExitStack) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(stack.enter_context(server.channel()))
    ask = reflection_pb2.ServerReflectionRequest(list_services="")
    calls = [stub.ServerReflectionInfo(_silence(stack, ask)) for _ in range(MANY)]
    for call in calls:
        stack.callback(call.cancel)
    assert 0 < sum(_first(call) is not None for call in calls) < 24, "some are answered, not all"


def health_watches(server: Served, stack: ExitStack) -> None:
    stub = health_pb2_grpc.HealthStub(stack.enter_context(server.channel()))
    calls = [stub.Watch(health_pb2.HealthCheckRequest()) for _ in range(MANY)]
    for call in calls:
        stack.callback(call.cancel)
    assert 0 < sum(_first(call) is not None for call in calls) < 24, "some are answered, not all"


def _first(call: Any) -> Any:
    try:
        return next(call)
    except grpc.RpcError:
        return None


def _silence(stack: ExitStack, *first: Any) -> Iterator[Any]:
    over = threading.Event()
    stack.callback(over.set)

    def messages() -> Iterator[Any]:
        yield from first
        over.wait(60)

    return messages()


@contextmanager
def held(hold: Callable[[Served, ExitStack], None], server: Served) -> Iterator[None]:
    with ExitStack() as stack:
        hold(server, stack)
        yield


@pytest.mark.parametrize("hold", [half_open_posts, half_open_rpcs, reflection_streams, health_watches])
def test_who_never_ends_keeps_nobody_else_waiting(server: Served, hold: Callable[[Served, ExitStack], None]) -> None:
    with held(hold, server):
        for _ in range(5):
            answer = server.http.get(f"/oauth/v4/{server.credentials['tenantId']}/publickeys", timeout=5)
            assert answer.status_code == 200
