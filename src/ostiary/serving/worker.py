"""Worker: one gRPC server on a unix socket, pinned to a core."""

from __future__ import annotations

import gc
import os
from contextlib import suppress

import grpc
from grpc_health.v1 import health_pb2

from ostiary.access.limits import LimitsError, read_limits
from ostiary.app import build_server
from ostiary.config import Settings
from ostiary.gateway.render import HEALTH_SERVICE
from ostiary.runtime import open_runtime
from ostiary.services.served import SERVICES
from ostiary.serving.health import Watch
from ostiary.serving.process import RuntimeFolder, Serving, stop_seconds
from ostiary.serving.resources import give_way
from ostiary.transport.health import SERVING
from ostiary.transport.rules import RulesError, read_rules

PROBE_S = 5.0
"""The time in which a worker must answer a probe."""


def prepare(settings: Settings) -> None:
    """Reads the rules of all RPCs, which are remembered, so that workers forked later share them. What is wrong with
    them each worker finds itself, and says."""
    with suppress(RulesError, LimitsError):
        read_rules((service.descriptor for service in SERVICES), read_limits(settings.limits_file).coarse)


def begin(settings: Settings, place: RuntimeFolder, number: int) -> Serving:
    """Starts the server of worker `number`."""
    runtime = open_runtime(settings)
    # A thread of Python that moves between cores pays for it with half its speed (docs/decisions). Hashing threads
    # widen their own affinity again to settings.cores.
    os.sched_setaffinity(0, {settings.cores[number % len(settings.cores)]})
    address = settings.worker_address(number, place.folder)
    target = f"unix:{address}" if address.startswith("/") else address
    # What a request leaves behind is freed by counting; to look for cycles every 700 objects takes 7 % of the CPU.
    gc.set_threshold(20_000, 20, 50)
    give_way()
    server, state = build_server(runtime, target, SERVICES)
    names = [service.descriptor.full_name for service in SERVICES]
    # Our own gateway is drained before its workers; another one must be told by them.
    watch = Watch(runtime.store, state, names, () if settings.gateway else [HEALTH_SERVICE])
    watch.check()
    server.start()
    state.set(HEALTH_SERVICE, SERVING)
    watch.start()

    def stop() -> None:
        watch.drain()
        state.part()
        server.stop(stop_seconds(settings)).wait()
        runtime.close()

    return Serving(Probe(target), drain=watch.drain, part=state.part, stop=stop)


class Probe:
    """Asks a worker for its health, on the way that requests take: through its socket, to one of its threads."""

    def __init__(self, target: str) -> None:
        self._channel = grpc.insecure_channel(target, [("grpc.use_local_subchannel_pool", 1)])
        self._check = self._channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )

    def __call__(self) -> bool:
        """Whether an answer comes, whatever it says."""
        try:
            self._check(health_pb2.HealthCheckRequest(service=HEALTH_SERVICE), timeout=PROBE_S)
        except grpc.RpcError as error:
            return error.code() not in (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE)
        return True
