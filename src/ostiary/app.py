"""Composition root: the only module that creates the server's objects and connects them."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, cast

import grpc
from google.protobuf import descriptor_pool
from grpc_health.v1 import health, health_pb2_grpc

from ostiary.access.authentication import Authentication
from ostiary.access.exchange import GRANT_TYPE as IAM_API_KEY
from ostiary.access.exchange import ApiKeyGrant, IamProfile
from ostiary.access.introspection import TokenInspection
from ostiary.access.limits import CoarseLimiter, read_limits
from ostiary.audit.sink import EventSink
from ostiary.background.cleaner import clean
from ostiary.background.jobs import JobKind, Kinds, deletions, run_jobs
from ostiary.background.tasks import Task, leased
from ostiary.clock import Clock, SystemClock
from ostiary.config import Settings, largest_message
from ostiary.delivery.caps import MessageCaps
from ostiary.delivery.channels.mail_channel import EMAIL, MailChannel
from ostiary.delivery.channels.operators import operators_provider
from ostiary.delivery.channels.sms_channel import SMS, SmsChannel
from ostiary.delivery.delivery import Delivery
from ostiary.delivery.outbox import Outbox
from ostiary.directory.passwords.passwords import Passwords
from ostiary.directory.profiles.profiles import CLOUD_DIRECTORY
from ostiary.directory.signin.password_sign_in import PasswordSignIn
from ostiary.directory.transfer.cipher import TransferCiphers
from ostiary.directory.transfer.directory_import import DirectoryImport
from ostiary.directory.transfer.export_job import ExportJob
from ostiary.directory.transfer.import_job import ImportJob
from ostiary.directory.transfer.job import LEASE_MS, TransferJob
from ostiary.directory.transfer.transfers import EXPORT_JOB, IMPORT_JOB, Transfers
from ostiary.ids import Entropy, SystemEntropy, new_id
from ostiary.keys.issuers import Issuers
from ostiary.keys.keyring import Keyring
from ostiary.keys.master_key import check_master_key, master_key, older_master_keys
from ostiary.keys.sealing import Sealing
from ostiary.keys.tenant_signature import TenantSignature
from ostiary.lanes import LaneExecutor
from ostiary.mfa.sms_account import sms_account
from ostiary.oauth.authorize.codes import Finish
from ostiary.oauth.authorize.request import AuthorizationRequests
from ostiary.oauth.platform.accounts import Account
from ostiary.oauth.platform.api_tokens import SessionForEachUse
from ostiary.oauth.platform.profile import PlatformProfile, check_service_account
from ostiary.oauth.platform.sessions import CLOUDAPI, CSP, PlatformSessions
from ostiary.oauth.platform.tokens import PlatformTokens
from ostiary.oauth.sessions.refresh import API_TOKEN, ROTATING
from ostiary.oauth.token.app_profile import CLIENT_AMR, CLIENT_CREDENTIALS, AppProfile
from ostiary.oauth.token.app_tokens import AppTokens
from ostiary.oauth.token.endpoint import TokenEndpoint
from ostiary.oauth.token.grants.authorization_code import AuthorizationCodeGrant
from ostiary.oauth.token.grants.client_credentials import ClientCredentialsGrant
from ostiary.oauth.token.grants.jwt_bearer import GRANT_TYPE as JWT_BEARER
from ostiary.oauth.token.grants.jwt_bearer import JwtBearerGrant
from ostiary.oauth.token.grants.password import PasswordGrant
from ostiary.oauth.token.grants.refresh_token import RefreshTokenGrant, Renewal, Rotation
from ostiary.oauth.token.group_commit import GroupCommit
from ostiary.oauth.token.issuing import Issuing
from ostiary.oauth.token.progressive import AnonymousTokens
from ostiary.oauth.token.user_sign_in import GrantSignIn, UserSignIn
from ostiary.outgoing.client import Outgoing
from ostiary.runtime import Runtime, TokenProfiles
from ostiary.self_service.mail_actions import SelfService
from ostiary.self_service.messages import UserMessages
from ostiary.self_service.password_change import PasswordChange
from ostiary.self_service.registration import Registration
from ostiary.services.reflection import SERVICE_NAMES as REFLECTION
from ostiary.services.reflection import add_reflection
from ostiary.store import schema
from ostiary.store.copies import check_original
from ostiary.store.engine import Store
from ostiary.store.tenancy import Tenancy
from ostiary.transport.health import Health
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
LANES = 4
"""Requests that a worker, on its one core, answers at once; others wait, or take the place of one that does."""
MAX_CONCURRENT_RPCS = 256
"""The limit for each worker; beyond it requests are refused at once, since no queue may grow without a limit."""


MOST_UPLOADS = 2
"""The limit for each worker of streamed uploads: each holds a thread for as long as its client sends."""


def open_runtime(settings: Settings, clock: Clock | None = None, entropy: Entropy | None = None) -> Runtime:
    """Opens the store and builds every part of a server; raises before anything is served when one is missing."""
    clock, entropy = clock or SystemClock(), entropy or SystemEntropy()
    store = Store(settings.database_url, threads=settings.threads)
    with closing(store):  # closed at once: who opens a runtime may fork before using it
        schema.check(settings.database_url, store)
        sealing = Sealing(entropy, master_key(settings), *older_master_keys(settings))
        with store.read() as work:
            check_master_key(work, sealing)
            check_original(work)
    tenancy = Tenancy(clock)
    keys = Keyring(store, sealing, clock)
    issuers = Issuers(settings.base_url)
    limits = read_limits(settings.limits_file)
    passwords = Passwords(settings)
    password_change = PasswordChange(store, clock, passwords)
    sign_in = PasswordSignIn(store, clock, passwords, sealing, limits.exact)
    authentication = Authentication(tenancy, keys, issuers, clock)
    group_commit = GroupCommit(store)
    events = EventSink(clock, group_commit)
    user_sign_in = UserSignIn(store, sign_in, events, clock, entropy)
    anonymous = AnonymousTokens(keys, issuers, clock)
    issuing = Issuing(group_commit)
    platform_tokens = PlatformTokens(tenancy, keys, issuers, entropy)
    rotation = Rotation(sealing, entropy)
    app = AppProfile(
        {
            "authorization_code": AuthorizationCodeGrant(store),
            "password": PasswordGrant(GrantSignIn(user_sign_in, anonymous), CLOUD_DIRECTORY),
            CLIENT_CREDENTIALS: ClientCredentialsGrant(CLIENT_AMR),
            "refresh_token": RefreshTokenGrant(store, {ROTATING: rotation}),
            JWT_BEARER: JwtBearerGrant(store, clock, entropy, issuers, anonymous, events),
        },
        AppTokens(keys, issuers, entropy), events,
    )  # fmt: skip

    def platform_profile(issuer: str, *, session: str, api_tokens_only: bool) -> PlatformProfile:
        api_token = SessionForEachUse(session, entropy)
        if api_tokens_only:
            only = RefreshTokenGrant(store, {API_TOKEN: api_token})
            return PlatformProfile({"refresh_token": only}, issuer, tenancy, platform_tokens)
        renewals: dict[str, Renewal[Account]] = {ROTATING: rotation, API_TOKEN: api_token}
        return PlatformProfile(
            {
                "client_credentials": ClientCredentialsGrant(check=check_service_account),
                "refresh_token": RefreshTokenGrant(store, renewals),
            },
            issuer, tenancy, platform_tokens,
        )  # fmt: skip

    public_url = issuers.public_url
    profiles = TokenProfiles(
        app=app,
        oidc=platform_profile(issuers.oidc, session=CSP, api_tokens_only=False),
        csp=platform_profile(public_url, session=CSP, api_tokens_only=False),
        csp_api_tokens=platform_profile(public_url, session=CSP, api_tokens_only=True),
        cloudapi=platform_profile(public_url, session=CLOUDAPI, api_tokens_only=True),
        iam=IamProfile(platform_tokens, {IAM_API_KEY: ApiKeyGrant()}),
    )
    sessions = PlatformSessions(store, tenancy, clock, entropy, platform_tokens, passwords, sign_in, issuing, events)
    outgoing = Outgoing(settings.outgoing_allow)
    caps = MessageCaps(store, clock, sealing, limits.exact)
    messages = UserMessages(clock, entropy, Outbox(sealing, entropy), caps)
    mail = MailChannel(
        store, clock, entropy, sealing, outgoing, operators_provider(settings), TenantSignature(store, tenancy, keys),
        issuers.tenant, settings,
    )  # fmt: skip
    text_messages = SmsChannel(
        store, entropy, outgoing, lambda work, tenant_id: sms_account(work, sealing, tenant_id), settings.vonage_url
    )
    return Runtime(
        settings=settings,
        clock=clock,
        entropy=entropy,
        store=store,
        tenancy=tenancy,
        sealing=sealing,
        keys=keys,
        issuers=issuers,
        limits=limits,
        passwords=passwords,
        password_change=password_change,
        sign_in=sign_in,
        authentication=authentication,
        inspection=TokenInspection(authentication, store, clock, events),
        group_commit=group_commit,
        events=events,
        authorization_requests=AuthorizationRequests(keys, issuers, anonymous),
        user_sign_in=user_sign_in,
        finish=Finish(clock, entropy),
        token_endpoint=TokenEndpoint(clock, entropy, issuing, events),
        token_profiles=profiles,
        platform_tokens=platform_tokens,
        platform_sessions=sessions,
        outgoing=outgoing,
        mail=mail,
        text_messages=text_messages,
        delivery=Delivery(store, tenancy, clock, sealing, {EMAIL: mail, SMS: text_messages}),
        caps=caps,
        messages=messages,
        self_service=SelfService(clock, messages, password_change, events),
        registration=Registration(store, clock, entropy, passwords, messages),
        transfer_ciphers=TransferCiphers(passwords, sealing, entropy),
        directory_import=DirectoryImport(clock, entropy),
        transfers=Transfers(store, clock, entropy, sealing),
    )


def background_tasks(runtime: Runtime) -> list[Task]:
    """Returns the tasks of a node's background process; see `ostiary.background`."""
    store, clock, holder = runtime.store, runtime.clock, new_id(runtime.entropy)
    audit_kept_ms = runtime.settings.audit_retention_days * 86_400_000
    kinds = job_kinds(runtime)
    return [
        Task("connections", 60, store.drop_unused),
        Task("outbox", 1, runtime.delivery.send_due),
        Task("jobs", 5, lambda: run_jobs(store, clock, holder, kinds)),
        Task(
            "cleaner", 60, lambda: leased(store, clock, holder, "cleaner", lambda: clean(store, clock, audit_kept_ms))
        ),
    ]


def job_kinds(runtime: Runtime) -> Kinds:
    """Returns every kind of job with the code that does it. Created once in a process: an import keeps its file open
    between its turns."""
    common = TransferJob(
        runtime.store, runtime.clock, runtime.entropy, runtime.sealing, runtime.transfer_ciphers
    )  # fmt: skip
    return {
        **deletions(runtime.store, runtime.clock),
        EXPORT_JOB: JobKind(ExportJob(common).turn, LEASE_MS),
        IMPORT_JOB: JobKind(ImportJob(common).turn, LEASE_MS),
    }


def steps(runtime: Runtime) -> list[Step | ForSome]:
    """The order of the path after `Reception`, which receives the request, holds the outermost try and answers."""
    return [
        *tracing(),  # around everything, so that a span is as long as the request; empty unless asked for
        Authenticate(runtime.authentication),  # before access, which needs to know who asks
        Receive(
            TransferLimit(MOST_UPLOADS)
        ),  # after authentication: nobody waits for what a stranger may send; before access
        Audit(runtime.events, reads=runtime.settings.audit_reads),  # around access, whose no it records
        Authorize(
            runtime.clock
        ),  # before limits: strangers must not use up a tenant's share; before validation (AIP-211)
        Limit(CoarseLimiter(runtime.limits)),  # before work: what is refused must cost nothing
        refuse_malformed,  # after access: only who may call learns that the request was malformed
        check_headers,  # such as the version in Accept; after access, like all that says what is wrong
        ForSome(check_allowed),  # after access for the same reason; before work, so that it costs no transaction
        unit_of_work,  # innermost: nothing slow is done inside a transaction
    ]


def build_server(runtime: Runtime, address: str, services: Sequence[Service]) -> tuple[grpc.Server, Health]:
    """A gRPC server of `services` on `address` (`unix:…` or `host:port`), not yet started; and its health."""
    rules = read_rules((service.descriptor for service in services), runtime.limits.coarse)
    reception = Reception(runtime.store, runtime.tenancy, runtime.entropy, Observer())
    streams = ThreadPoolExecutor(runtime.settings.threads, thread_name_prefix="stream")
    server = grpc.server(
        cast(
            "ThreadPoolExecutor", LaneExecutor(LANES, runtime.settings.threads)
        ),  # all that grpc asks of it is `submit`
        interceptors=[Pipeline(rules, reception, steps(runtime), OPEN_SERVICES, streams)],
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
