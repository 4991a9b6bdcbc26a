"""A worker: one gRPC server on a unix socket, pinned to a core."""

from __future__ import annotations

import os

import grpc

from ostiary.app import SERVICES, build_server, open_runtime
from ostiary.config import Settings
from ostiary.gateway.render import HEALTH_SERVICE
from ostiary.runtime import Runtime
from ostiary.serving.health import SERVING, Watch
from ostiary.serving.process import Place, Serving

STOP_S = 1.0
"""How long requests may still take once the gateway sends none; it waited for them before."""


def begin(settings: Settings, place: Place, number: int) -> Serving:
    """Starts the server of worker `number`."""
    runtime = open_runtime(settings)
    # A thread of Python that moves between cores pays for it with half its speed (docs/decisions). Hashing threads
    # widen their own affinity again to settings.cores.
    os.sched_setaffinity(0, {settings.cores[number % len(settings.cores)]})
    server, state = build_server(runtime, f"unix:{place.worker(number)}")
    watch = Watch(runtime.store, state, [service.descriptor.full_name for service in SERVICES])
    watch.check()
    server.start()
    state.set(HEALTH_SERVICE, SERVING)
    watch.start()
    return Serving(drain=watch.drain, stop=lambda: _stop(server, watch, runtime))


def _stop(server: grpc.Server, watch: Watch, runtime: Runtime) -> None:
    watch.drain()
    server.stop(STOP_S).wait()
    runtime.store.close()
