"""Clients that never end, reset what they begin, or send what no reader should take whole: others are served."""

from __future__ import annotations

import collections
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import grpc
import h2.connection
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from kit.patience import PATIENCE_S, awaited
from kit.servers.served import Served, begin, served

MANY = 60
"""Far more than a worker has threads."""
SILENCE_S = 150
"""So long those who never end say nothing: longer than anybody else is waited for."""


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
    assert all(_first(call) is not None for call in calls), "they hold no thread, so there may be thousands"


def rapid_resets(server: Served, stack: ExitStack) -> None:
    """CVE-2023-44487: requests that are given up as soon as they are sent, by the thousand."""
    client = h2.connection.H2Connection()
    client.initiate_connection()
    connection = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S))
    path = f"/oauth/v4/{server.credentials['tenantId']}/publickeys"
    head = [(":method", "GET"), (":path", path), (":scheme", "http"), (":authority", "localhost")]

    def give_up() -> None:
        number = client.get_next_available_stream_id()
        client.send_headers(number, head, end_stream=True)
        client.reset_stream(number)
        connection.sendall(client.data_to_send())

    with pytest.raises((BrokenPipeError, ConnectionResetError)):  # the gateway hangs up
        collections.deque((give_up() for _ in range(5_000)), maxlen=0)


def large_messages(server: Served, stack: ExitStack) -> None:
    channel = stack.enter_context(server.channel())
    call = channel.unary_unary("/identity.oidc.v1.ProviderService/IssueToken")
    with pytest.raises(grpc.RpcError) as refused:
        call(b"\x0a" + b"x" * (50 << 20), timeout=PATIENCE_S)
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


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
        over.wait(SILENCE_S)

    return messages()


@contextmanager
def held(hold: Callable[[Served, ExitStack], None], server: Served) -> Iterator[None]:
    with ExitStack() as stack:
        hold(server, stack)
        yield


@pytest.mark.parametrize(
    "hold", [half_open_posts, half_open_rpcs, reflection_streams, health_watches, rapid_resets, large_messages]
)
def test_who_never_ends_keeps_nobody_else_waiting(server: Served, hold: Callable[[Served, ExitStack], None]) -> None:
    with held(hold, server):
        for _ in range(5):
            path = f"/oauth/v4/{server.credentials['tenantId']}/publickeys"
            assert server.http.get(path, headers={"cache-control": "no-cache"}).status_code == 200


DEEP = 50_000
NESTED = [b'{"a":' * DEEP, b"[" * DEEP, b'{"a":' * DEEP + b"1" + b"}" * DEEP]


@pytest.mark.parametrize("body", NESTED, ids=["objects", "lists", "whole"])
def test_json_of_any_depth_is_refused_in_a_moment(server: Served, body: bytes) -> None:
    tenant, json = server.credentials["tenantId"], {"content-type": "application/json"}
    manager = server.manager() | json
    scim = manager | {"content-type": "application/scim+json"}
    for verb, path, headers in (
        ("PUT", f"/management/v4/{tenant}/config/tokens", manager),
        ("POST", f"/management/v4/{tenant}/cloud_directory/Users", manager),
        ("POST", "/scim/v2/Users", scim),
        ("POST", f"/oauth/v4/{tenant}/token", json),
        ("POST", "/identity/token", json),
    ):
        answer = server.http.request(verb, path, content=body, headers=headers)
        assert 400 <= answer.status_code < 500, (path, answer.text)
        assert len(answer.content) < 2_000, path


def test_messages_of_any_depth_are_refused(server: Served) -> None:
    deep = b"\x0b" * DEEP + b"\x0c" * DEEP  # groups in groups
    with server.channel() as channel:
        for method in (
            "identity.oidc.v1.ProviderService/IssueToken",
            "identity.appid.oauth.v4.TokenService/IssueToken",
        ):
            with pytest.raises(grpc.RpcError) as refused:
                channel.unary_unary(f"/{method}")(deep, timeout=PATIENCE_S)
            assert refused.value.code() in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNAUTHENTICATED), method


def test_idle_connections_beyond_the_limit_of_files_are_turned_away_and_others_answered(tmp_path: Path) -> None:
    with served(tmp_path, workers=1, ready=False) as server:
        server.stop(signal.SIGKILL)
        limited = ("sh", "-c", 'ulimit -Sn 300; ulimit -Hn 400; exec "$@"', "sh")
        server.process = begin(tmp_path, server.variables, subprocess.DEVNULL, *limited)
        server.wait_ready()
        with socket.create_connection(("127.0.0.1", server.port), PATIENCE_S) as first, ExitStack() as stack:
            for _ in range(450):
                stack.enter_context(socket.create_connection(("127.0.0.1", server.port), PATIENCE_S))
            first.sendall(b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n")
            assert first.recv(64).startswith(b"HTTP/1.1 200")
            assert server.admin("/readyz").status_code == 200
        awaited(lambda: answers(server))


def answers(server: Served) -> bool:
    """Whether somebody new is answered."""
    try:
        with socket.create_connection(("127.0.0.1", server.port), PATIENCE_S) as connection:
            connection.sendall(b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n")
            return connection.recv(64).startswith(b"HTTP/1.1 200")
    except ConnectionError:
        return False
