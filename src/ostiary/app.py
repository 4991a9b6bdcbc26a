"""The composition root: the only place that builds things and ties them together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from identity.appid.management.v4 import tokens_pb2, tokens_pb2_grpc
from identity.appid.oauth.v4 import discovery_pb2, discovery_pb2_grpc
from identity.iam.v1 import token_pb2, token_pb2_grpc
from ostiary.access.authentication import Authentication
from ostiary.access.limits import CoarseLimiter, read_limits
from ostiary.clock import Clock, SystemClock
from ostiary.config import Settings
from ostiary.ids import Entropy, SystemEntropy
from ostiary.keys.keyring import Keyring
from ostiary.keys.master_key import check_master_key
from ostiary.keys.sealing import Sealing, decode_master_key, read_master_key
from ostiary.oauth.issuers import Issuers
from ostiary.oauth.platform_tokens import PlatformTokens
from ostiary.runtime import Runtime
from ostiary.services.appid.tokens import TokensServicer
from ostiary.services.appid_oauth.discovery import DiscoveryServicer
from ostiary.services.iam.token import TokenServicer
from ostiary.store import schema
from ostiary.store.engine import Store
from ostiary.store.tenancy import Tenancy
from ostiary.transport.observation import Observer
from ostiary.transport.pipeline import Pipeline, Step, refuse_malformed
from ostiary.transport.rules import read_rules
from ostiary.transport.steps.access import authorize
from ostiary.transport.steps.audit import Audit
from ostiary.transport.steps.authentication import Authenticate
from ostiary.transport.steps.limits import Limit
from ostiary.transport.steps.reception import Reception
from ostiary.transport.steps.tracing import tracing
from ostiary.transport.steps.unit_of_work import unit_of_work

Add = Callable[[Any, grpc.Server], None]


@dataclass(frozen=True, slots=True)
class Service:
    """A proto service with the servicer that implements it."""

    descriptor: ServiceDescriptor
    add: Add
    servicer: Callable[[Runtime], Any]


SERVICES: Sequence[Service] = (
    Service(
        token_pb2.DESCRIPTOR.services_by_name["TokenService"],
        token_pb2_grpc.add_TokenServiceServicer_to_server,
        TokenServicer,
    ),
    Service(
        tokens_pb2.DESCRIPTOR.services_by_name["TokensService"],
        tokens_pb2_grpc.add_TokensServiceServicer_to_server,
        TokensServicer,
    ),
    Service(
        discovery_pb2.DESCRIPTOR.services_by_name["DiscoveryService"],
        discovery_pb2_grpc.add_DiscoveryServiceServicer_to_server,
        DiscoveryServicer,
    ),
)
OPEN_SERVICES = frozenset({health.SERVICE_NAME, reflection.SERVICE_NAME})
"""Health and reflection need no token: the one named exception to closed by default (decision 28)."""
MAX_METADATA = 65_536
"""Bytes; grpc's own limit would turn a request with a big token or many cookies into a 429."""
MAX_CONCURRENT_RPCS = 256
"""Per worker; beyond it requests are refused at once, since nothing may queue without end (decision 32)."""
MAX_MESSAGE = 4 * 1024 * 1024


def open_runtime(settings: Settings, clock: Clock | None = None, entropy: Entropy | None = None) -> Runtime:
    """Opens the store and builds every part of a server; raises before anything is served when one is missing."""
    clock, entropy = clock or SystemClock(), entropy or SystemEntropy()
    schema.check(settings.database_url)
    store = Store(settings.database_url)
    sealing = Sealing(entropy, master_key(settings))
    with store.read() as work:
        check_master_key(work, sealing)
    store.close()  # who opens a runtime may fork before using it
    tenancy = Tenancy()
    keys = Keyring(store, sealing, clock)
    issuers = Issuers(settings.base_url)
    return Runtime(
        settings=settings, clock=clock, entropy=entropy, store=store, tenancy=tenancy, sealing=sealing, keys=keys,
        issuers=issuers, limits=read_limits(settings.limits_file),
        authentication=Authentication(tenancy, keys, issuers, clock),
        platform_tokens=PlatformTokens(tenancy, keys, issuers, clock, entropy),
    )  # fmt: skip


def master_key(settings: Settings) -> bytes:
    """The master key from the environment, else from its file; raises MasterKeyError when it is in neither."""
    if settings.master_key is not None:
        return decode_master_key(settings.master_key.get_secret_value())
    return read_master_key(settings.key_file)


def steps(runtime: Runtime) -> list[Step]:
    """The order of the path after `Reception`, which receives the request, holds the outermost try and answers."""
    return [
        *tracing(),  # around everything, so that a span is as long as the request; empty unless asked for
        Authenticate(runtime.authentication),  # before access, which needs to know who asks
        authorize,  # before limits: strangers must not use up a tenant's share; before validation (AIP-211)
        Limit(CoarseLimiter(runtime.limits)),  # before work: what is refused must cost nothing
        refuse_malformed,  # after access: only who may call learns that the request was malformed
        unit_of_work,  # innermost but audit: nothing slow stands inside a transaction
        Audit(runtime.clock),  # in the transaction of the change that it records
    ]


def build_server(
    runtime: Runtime, address: str, services: Sequence[Service] = SERVICES
) -> tuple[grpc.Server, health.HealthServicer]:
    """A gRPC server of all services on `address` (`unix:…` or `host:port`), not yet started; and its health."""
    rules = read_rules((service.descriptor for service in services), runtime.limits.coarse)
    reception = Reception(runtime.store, runtime.tenancy, runtime.entropy, Observer())
    threads = ThreadPoolExecutor(runtime.settings.threads, thread_name_prefix="rpc")
    server = grpc.server(
        threads,
        interceptors=[Pipeline(rules, reception, steps(runtime), OPEN_SERVICES)],
        options=[
            ("grpc.max_metadata_size", MAX_METADATA),
            ("grpc.max_receive_message_length", MAX_MESSAGE),
            ("grpc.so_reuseport", 0),
        ],
        maximum_concurrent_rpcs=MAX_CONCURRENT_RPCS,
    )
    for service in services:
        service.add(service.servicer(runtime), server)
    state = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(state, server)
    if runtime.settings.reflection:
        names = [service.descriptor.full_name for service in services]
        reflection.enable_server_reflection([*names, health.SERVICE_NAME, reflection.SERVICE_NAME], server)
    if not server.add_insecure_port(address):
        raise OSError(f"cannot listen on {address}")
    return server, state
