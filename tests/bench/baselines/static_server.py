"""A gRPC server that answers the discovery RPC with a fixed document: what is left is the cost of the path's ends.

`python -m bench.baselines.static_server SOCKET CORE` serves on a unix socket until it is terminated.
"""

from __future__ import annotations

import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from ostiary.gateway.render import HEALTH_SERVICE
from ostiary.keys.issuers import Issuers
from ostiary.oauth.authorize.discovery import configuration
from ostiary_api.appid.oauth.v4 import discovery_pb2 as pb
from ostiary_api.appid.oauth.v4.discovery_pb2_grpc import (
    DiscoveryServiceServicer,
    add_DiscoveryServiceServicer_to_server,
)


class Static(DiscoveryServiceServicer):
    """Has its answer ready."""

    def __init__(self) -> None:
        issuers = Issuers("http://127.0.0.1:8080")
        self._answer = pb.Configuration(**configuration(issuers, "00000000-0000-4000-8000-000000000000"))

    def GetConfiguration(self, request: pb.GetConfigurationRequest, context: grpc.ServicerContext) -> pb.Configuration:
        return self._answer


def main(socket: str, core: int) -> None:
    """Serves as a worker does: synchronous, pinned to a core, eight threads."""
    os.sched_setaffinity(0, {core})
    server = grpc.server(ThreadPoolExecutor(8))
    add_DiscoveryServiceServicer_to_server(Static(), server)
    state = health.HealthServicer()
    state.set(HEALTH_SERVICE, health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(state, server)
    server.add_insecure_port(f"unix:{socket}")
    server.start()
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    server.stop(None).wait()


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    main(sys.argv[1], int(sys.argv[2]))
