"""The health service: one answer, all answers, and those who go on listening."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2 as pb
from grpc_health.v1 import health_pb2_grpc
from kit.patience import PATIENCE_S, awaited

from ostiary.transport.health import MOST_WATCHING, NOT_SERVING, SERVING, Health

UNKNOWN = pb.HealthCheckResponse.SERVICE_UNKNOWN


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
def stub(health: Health, tmp_path: Path) -> Iterator[Any]:
    server = grpc.server(ThreadPoolExecutor(4), maximum_concurrent_rpcs=16)  # threads and places for requests
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    server.add_insecure_port(f"unix:{tmp_path}/health.sock")
    server.start()
    with grpc.insecure_channel(f"unix:{tmp_path}/health.sock") as channel:
        yield health_pb2_grpc.HealthStub(channel)
    server.stop(None).wait()


def asked(service: str = "") -> pb.HealthCheckRequest:
    return pb.HealthCheckRequest(service=service)


@contextmanager
def watching(stub: Any, times: int, service: str = "") -> Iterator[list[Any]]:
    """So many streams, one after the other; of each the first answer has come."""
    with ExitStack() as stack:
        calls = []
        for _ in range(times):
            calls.append(stub.Watch(asked(service)))
            stack.callback(calls[-1].cancel)
            next(calls[-1])
        yield calls


def refusal(stub: Any) -> grpc.StatusCode | None:
    """How one more who watches is refused."""
    try:
        with watching(stub, 1):
            return None
    except grpc.RpcError as error:
        return error.code()  # type: ignore[attr-defined]


def test_one_service_and_all_of_them(health: Health, stub: Any) -> None:
    health.set("a.Service", SERVING)
    assert stub.Check(asked("a.Service")).status == SERVING
    assert stub.Check(asked()).status == NOT_SERVING, "until somebody says otherwise"
    statuses = stub.List(pb.HealthListRequest()).statuses  # type: ignore[attr-defined]
    assert {name: each.status for name, each in statuses.items()} == {"": NOT_SERVING, "a.Service": SERVING}
    with pytest.raises(grpc.RpcError) as refused:
        stub.Check(asked("no.Service"))
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND  # type: ignore[attr-defined]


def test_who_watches_hears_each_change_once(health: Health, stub: Any) -> None:
    with watching(stub, 1, "later.Service") as (call,):
        heard = [UNKNOWN]
        for status in (SERVING, SERVING, NOT_SERVING):
            health.set("later.Service", status)
            if status != heard[-1]:
                heard.append(next(call).status)
        assert heard == [UNKNOWN, SERVING, NOT_SERVING]
        health.part()
        assert list(call) == []
        assert call.code() is grpc.StatusCode.OK


def test_thousands_watch_without_a_thread_and_one_more_is_told_to_do_without(health: Health, stub: Any) -> None:
    with watching(stub, MOST_WATCHING) as calls:
        assert stub.Check(asked(), timeout=PATIENCE_S).status == NOT_SERVING
        assert refusal(stub) is grpc.StatusCode.UNIMPLEMENTED, "which clients take for healthy"
        health.set("", SERVING)
        assert {next(call).status for call in calls} == {SERVING}
    awaited(lambda: refusal(stub) is None)
