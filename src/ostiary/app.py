"""Composition root: the only module that creates the server's objects and connects them."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import grpc
from google.protobuf import descriptor_pool
from grpc_health.v1 import health, health_pb2_grpc

from ostiary.access.limits import CoarseLimiter
from ostiary.background.cleaner import clean
from ostiary.background.jobs import JobKind, Kinds, deletions, run_jobs
from ostiary.background.tasks import Task, leased
from ostiary.config import largest_message
from ostiary.directory.transfer.export_job import ExportJob
from ostiary.directory.transfer.import_job import ImportJob
from ostiary.directory.transfer.job import LEASE_MS, TransferJob
from ostiary.directory.transfer.transfers import EXPORT_JOB, IMPORT_JOB
from ostiary.ids import new_id
from ostiary.runtime import Runtime
from ostiary.services.reflection import SERVICE_NAMES as REFLECTION
from ostiary.services.reflection import add_reflection
from ostiary.transport.health import Health
from ostiary.transport.late_answers import executor_for, is_known
from ostiary.transport.observation import Observer
from ostiary.transport.pipeline import ForSome, Pipeline, Step, refuse_malformed
from ostiary.transport.rules import read_rules
from ostiary.transport.steps.access import Authorize
from ostiary.transport.steps.allowed import check_allowed
from ostiary.transport.steps.audit import Audit
from ostiary.transport.steps.authentication import Authenticate
from ostiary.transport.steps.headers import check_headers
from ostiary.transport.steps.limits import Limit
from ostiary.transport.steps.receive import Receive
from ostiary.transport.steps.reception import Reception
from ostiary.transport.steps.tracing import tracing
from ostiary.transport.steps.unit_of_work import unit_of_work
from ostiary.transport.transfer_limits import TransferLimit

if TYPE_CHECKING:  # importing them takes as long as all else: commands that serve nothing do not
    from ostiary.services.served import Service

OPEN_SERVICES = frozenset({health.SERVICE_NAME, *REFLECTION})
"""The services that need no token, health and reflection: the one exception to "closed by default"."""
MAX_METADATA = 65_536
"""Bytes; grpc's own limit would turn a request with a big token or many cookies into a 429."""
MAX_CONCURRENT_RPCS = 256
"""The limit for each worker; beyond it requests are refused at once, since no queue may grow without a limit."""


MOST_UPLOADS = 2
"""The limit for each worker of streamed uploads: each holds a thread for as long as its client sends."""


def background_tasks(runtime: Runtime) -> list[Task]:
    """Returns the tasks of a node's background process; see `ostiary.background`."""
    store, clock, holder = runtime.store, runtime.clock, new_id(runtime.entropy)
    audit_kept_ms = runtime.settings.audit_retention_days * 86_400_000
    kinds = job_kinds(runtime)
    return [
        Task("connections", 60, store.drop_unused),
        Task("outbox", 1, runtime.messages.delivery.send_due),
        Task("sign-outs", 2, runtime.oauth.logout_notices.turn),
        Task("jobs", 5, lambda: run_jobs(store, clock, holder, kinds)),
        Task(
            "cleaner", 60, lambda: leased(store, clock, holder, "cleaner", lambda: clean(store, clock, audit_kept_ms))
        ),
    ]


def job_kinds(runtime: Runtime) -> Kinds:
    """Returns every kind of job with the code that does it. Created once in a process: an import keeps its file open
    between its turns."""
    common = TransferJob(
        runtime.store, runtime.clock, runtime.entropy, runtime.sealing, runtime.directory.transfer_ciphers
    )  # fmt: skip
    return {
        **deletions(runtime.store, runtime.clock),
        EXPORT_JOB: JobKind(ExportJob(common).turn, LEASE_MS),
        IMPORT_JOB: JobKind(ImportJob(common).turn, LEASE_MS),
    }


def steps(runtime: Runtime) -> list[Step | ForSome]:
    """The order of the path after `Reception`, which receives the request, holds the outermost try and answers."""
    receive = Receive(TransferLimit(MOST_UPLOADS))
    audit = Audit(runtime.events, reads=runtime.settings.audit_reads)
    return [
        *tracing(),  # around everything, so that a span is as long as the request; empty unless asked for
        Authenticate(runtime.oauth.authentication),  # before access, which needs to know who asks
        ForSome(receive.of),  # after authentication: nobody waits for what a stranger may send; before access
        ForSome(audit.of),  # around access, whose no it records
        Authorize(
            runtime.oauth.authentication, runtime.clock
        ),  # before limits: strangers must not use up a tenant's share; before validation (AIP-211)
        Limit(CoarseLimiter(runtime.limits)),  # before work: what is refused must cost nothing
        refuse_malformed,  # after access: only who may call learns that the request was malformed
        ForSome(check_headers),  # such as the version in Accept; after access, like all that says what is wrong
        ForSome(check_allowed),  # after access for the same reason; before work, so that it costs no transaction
        unit_of_work,  # innermost: nothing slow is done inside a transaction
    ]


def build_server(runtime: Runtime, address: str, services: Sequence[Service]) -> tuple[grpc.Server, Health]:
    """A gRPC server of `services` on `address` (`unix:…` or `host:port`), not yet started; and its health."""
    rules = read_rules((service.descriptor for service in services), runtime.limits.coarse)
    reception = Reception(runtime.store, runtime.tenancy, runtime.entropy, Observer())
    streams = ThreadPoolExecutor(runtime.settings.threads, thread_name_prefix="stream")
    server = grpc.server(
        executor_for(runtime.lanes),
        interceptors=[Pipeline(rules, reception, steps(runtime), OPEN_SERVICES, streams, late=is_known())],
        options=[
            ("grpc.max_metadata_size", MAX_METADATA),
            ("grpc.max_receive_message_length", largest_message(runtime.settings.max_body_bytes)),
            ("grpc.so_reuseport", 0),
            # The gateway asks whether a connection lives although nothing happens on it: grpc would take it for abuse,
            # and end all who watch on it.
            ("grpc.http2.min_ping_interval_without_data_ms", 100),
            ("grpc.keepalive_permit_without_calls", 1),
        ],
        maximum_concurrent_rpcs=MAX_CONCURRENT_RPCS,
    )
    for service in services:
        service.add(service.servicer(runtime), server)
    state = Health()
    health_pb2_grpc.add_HealthServicer_to_server(state, server)
    if runtime.settings.reflection:
        served = [service.descriptor for service in services]
        add_reflection([*served, descriptor_pool.Default().FindServiceByName(health.SERVICE_NAME)], server)
    if not server.add_insecure_port(address):
        raise OSError(f"cannot listen on {address}")
    return server, state
