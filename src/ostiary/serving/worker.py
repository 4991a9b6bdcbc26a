"""A worker: one gRPC server on a unix socket, pinned to a core."""

from __future__ import annotations

import os

from ostiary.app import build_server, open_runtime
from ostiary.config import Settings
from ostiary.gateway.render import HEALTH_SERVICE
from ostiary.services.served import SERVICES
from ostiary.serving.health import SERVING, Watch
from ostiary.serving.process import Place, Serving, stop_seconds
from ostiary.serving.scheduling import give_way


def begin(settings: Settings, place: Place, number: int) -> Serving:
    """Starts the server of worker `number`."""
    runtime = open_runtime(settings)
    # A thread of Python that moves between cores pays for it with half its speed (docs/decisions). Hashing threads
    # widen their own affinity again to settings.cores.
    os.sched_setaffinity(0, {settings.cores[number % len(settings.cores)]})
    address = settings.worker_address(number, place.folder)
    give_way()
    server, state = build_server(runtime, f"unix:{address}" if address.startswith("/") else address, SERVICES)
    names = [service.descriptor.full_name for service in SERVICES]
    # Our own gateway is drained before its workers; another one must be told by them.
    watch = Watch(runtime.store, state, names, () if settings.gateway else [HEALTH_SERVICE])
    watch.check()
    server.start()
    state.set(HEALTH_SERVICE, SERVING)
    watch.start()

    def stop() -> None:
        watch.drain()
        server.stop(stop_seconds(settings)).wait()
        runtime.ledger.flush()
        runtime.store.close()

    return Serving(drain=watch.drain, stop=stop)
