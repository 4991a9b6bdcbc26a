"""Those who watch health through the gateway: as many as there are, and as long as they like."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2 as pb
from grpc_health.v1 import health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from kit.patience import PATIENCE_S
from kit.servers.command import ostiary
from kit.servers.ports import free_port
from kit.servers.served import served
from rest.gateway.test_replicas import running_envoy, wait_for

MANY = 200
"""Far more than there may be streams of reflection."""


def test_strangers_who_watch_take_nobody_s_place_and_are_not_ended_by_the_gateway_s_pings(tmp_path: Path) -> None:
    port = free_port()
    mine = {"gateway": "false", "listen": f"127.0.0.1:{port}", "public_url": f"http://127.0.0.1:{port}"}
    with served(tmp_path, **mine, workers=1) as server:
        written = ostiary("gateway", "render", cwd=tmp_path, **server.variables)
        assert written.code == 0
        assert "connection_keepalive: {interval: 30s" in written.stdout
        hasty = written.stdout.replace("connection_keepalive: {interval: 30s", "connection_keepalive: {interval: 0.3s")
        with running_envoy(tmp_path, hasty), server.channel() as channel:
            wait_for(server.url)
            stub = health_pb2_grpc.HealthStub(channel)
            calls: list[Any] = []
            for _ in range(MANY):
                calls.append(stub.Watch(pb.HealthCheckRequest(), timeout=PATIENCE_S))
                assert next(calls[-1]).status == pb.HealthCheckResponse.SERVING
            asked = reflection_pb2.ServerReflectionRequest(list_services="")
            reflection = reflection_pb2_grpc.ServerReflectionStub(channel)
            assert list(reflection.ServerReflectionInfo(iter([asked]), timeout=PATIENCE_S))
            time.sleep(4)  # a dozen pings while nothing else happens; two too many used to end the connection
            assert [call.code() for call in calls if not call.is_active()] == []
            for call in calls:
                call.cancel()
            assert {call.code() for call in calls} == {grpc.StatusCode.CANCELLED}
