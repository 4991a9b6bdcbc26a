"""The composition root: the only place that builds things and ties them together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from identity.access.v1 import access_pb2, access_pb2_grpc
from identity.appid.management.v4 import (
    action_urls_pb2,
    action_urls_pb2_grpc,
    advanced_password_management_pb2,
    advanced_password_management_pb2_grpc,
    applications_pb2,
    applications_pb2_grpc,
    cloud_directory_users_pb2,
    cloud_directory_users_pb2_grpc,
    email_dispatcher_pb2,
    email_dispatcher_pb2_grpc,
    identity_providers_pb2,
    identity_providers_pb2_grpc,
    languages_pb2,
    languages_pb2_grpc,
    mfa_pb2,
    mfa_pb2_grpc,
    password_regex_pb2,
    password_regex_pb2_grpc,
    rate_limit_pb2,
    rate_limit_pb2_grpc,
    redirect_uris_pb2,
    redirect_uris_pb2_grpc,
    roles_pb2,
    roles_pb2_grpc,
    runtime_activity_pb2,
    runtime_activity_pb2_grpc,
    saml_metadata_pb2,
    saml_metadata_pb2_grpc,
    self_service_pb2,
    self_service_pb2_grpc,
    sender_details_pb2,
    sender_details_pb2_grpc,
    sms_dispatcher_pb2,
    sms_dispatcher_pb2_grpc,
    sso_pb2,
    sso_pb2_grpc,
    templates_pb2,
    templates_pb2_grpc,
    tokens_pb2,
    tokens_pb2_grpc,
    users_pb2,
    users_pb2_grpc,
    users_profile_pb2,
    users_profile_pb2_grpc,
    widget_pb2,
    widget_pb2_grpc,
)
from identity.appid.oauth.v4 import (
    authorization_pb2,
    authorization_pb2_grpc,
    discovery_pb2,
    discovery_pb2_grpc,
    userinfo_pb2,
    userinfo_pb2_grpc,
)
from identity.appid.oauth.v4 import token_pb2 as appid_token_pb2
from identity.appid.oauth.v4 import token_pb2_grpc as appid_token_pb2_grpc
from identity.cloudapi.v1 import (
    orgs_pb2,
    orgs_pb2_grpc,
    sessions_pb2,
    sessions_pb2_grpc,
    tenant_token_pb2,
    tenant_token_pb2_grpc,
)
from identity.csp.v1 import (
    authentication_pb2,
    authentication_pb2_grpc,
    login_pb2,
    login_pb2_grpc,
    openid_configuration_pb2,
    openid_configuration_pb2_grpc,
    organization_pb2,
    organization_pb2_grpc,
    organization_users_pb2,
    organization_users_pb2_grpc,
    principal_user_pb2,
    principal_user_pb2_grpc,
)
from identity.directory.v1 import users_pb2 as directory_users_pb2
from identity.directory.v1 import users_pb2_grpc as directory_users_pb2_grpc
from identity.iam.v1 import token_pb2, token_pb2_grpc
from identity.oidc.v1 import provider_pb2, provider_pb2_grpc
from identity.profiles.v1 import attributes_pb2, attributes_pb2_grpc
from identity.scim.v2 import service_provider_config_pb2, service_provider_config_pb2_grpc
from identity.scim.v2 import users_pb2 as scim_users_pb2
from identity.scim.v2 import users_pb2_grpc as scim_users_pb2_grpc
from ostiary.access.authentication import Authentication
from ostiary.access.introspection import TokenInspection
from ostiary.access.limits import CoarseLimiter, read_limits
from ostiary.background.cleaner import clean
from ostiary.background.jobs import run_jobs
from ostiary.background.tasks import Task, leased
from ostiary.clock import Clock, SystemClock
from ostiary.config import Settings, largest_message
from ostiary.delivery.caps import RecipientCaps
from ostiary.delivery.delivery import Delivery
from ostiary.delivery.operators import operators_provider
from ostiary.delivery.outbox import Outbox
from ostiary.directory.password_change import PasswordChange
from ostiary.directory.passwords import Passwords
from ostiary.directory.registration import Registration
from ostiary.directory.sign_in import PasswordSignIn
from ostiary.directory.sms_account import sms_account
from ostiary.directory.user_messages import UserMessages
from ostiary.ids import Entropy, SystemEntropy, new_id
from ostiary.keys.keyring import Keyring
from ostiary.keys.master_key import check_master_key
from ostiary.keys.sealing import Sealing, decode_master_key, read_master_key
from ostiary.oauth.app_tokens import AppTokens
from ostiary.oauth.authorization_codes import Finish
from ostiary.oauth.authorization_request import AuthorizationRequests
from ostiary.oauth.grants.authorization_code import AuthorizationCodeGrant
from ostiary.oauth.grants.client_credentials import ClientCredentials
from ostiary.oauth.grants.grant import Grant
from ostiary.oauth.grants.jwt_bearer import GRANT_TYPE as JWT_BEARER
from ostiary.oauth.grants.jwt_bearer import JwtBearer
from ostiary.oauth.grants.password import Password
from ostiary.oauth.grants.refresh_token import RefreshTokenGrant
from ostiary.oauth.issuers import Issuers
from ostiary.oauth.ledger import Ledger
from ostiary.oauth.platform_sessions import PlatformSessions
from ostiary.oauth.platform_token_endpoint import PlatformTokenEndpoint
from ostiary.oauth.platform_tokens import PlatformTokens
from ostiary.oauth.tenant_signature import TenantSignature
from ostiary.oauth.token_endpoint import TokenEndpoint
from ostiary.oauth.user_sign_in import UserSignIn
from ostiary.outgoing.client import Outgoing
from ostiary.runtime import Runtime
from ostiary.services.appid.action_urls import ActionUrlsServicer
from ostiary.services.appid.advanced_password_management import AdvancedPasswordManagementServicer
from ostiary.services.appid.applications import ApplicationsServicer
from ostiary.services.appid.cloud_directory_users import CloudDirectoryUsersServicer
from ostiary.services.appid.email_dispatcher import EmailDispatcherServicer
from ostiary.services.appid.identity_providers import IdentityProvidersServicer
from ostiary.services.appid.languages import LanguagesServicer
from ostiary.services.appid.mfa import MfaServicer
from ostiary.services.appid.password_regex import PasswordRegexServicer
from ostiary.services.appid.rate_limit import RateLimitServicer
from ostiary.services.appid.redirect_uris import RedirectUrisServicer
from ostiary.services.appid.roles import RolesServicer
from ostiary.services.appid.runtime_activity import RuntimeActivityServicer
from ostiary.services.appid.saml_metadata import SamlMetadataServicer
from ostiary.services.appid.self_service import SelfServiceServicer
from ostiary.services.appid.sender_details import SenderDetailsServicer
from ostiary.services.appid.sms_dispatcher import SmsDispatcherServicer
from ostiary.services.appid.sso import SsoServicer
from ostiary.services.appid.templates import TemplatesServicer
from ostiary.services.appid.tokens import TokensServicer
from ostiary.services.appid.users import UsersServicer
from ostiary.services.appid.users_profile import UsersProfileServicer
from ostiary.services.appid.widget import WidgetServicer
from ostiary.services.appid_oauth.authorization import AuthorizationServicer
from ostiary.services.appid_oauth.discovery import DiscoveryServicer
from ostiary.services.appid_oauth.token import TokenServicer as AppIdTokenServicer
from ostiary.services.appid_oauth.userinfo import UserinfoServicer
from ostiary.services.cloudapi.orgs import OrgsServicer
from ostiary.services.cloudapi.sessions import SessionsServicer
from ostiary.services.cloudapi.tenant_token import TenantTokenServicer
from ostiary.services.csp.authentication import AuthenticationServicer
from ostiary.services.csp.login import LoginServicer
from ostiary.services.csp.openid_configuration import OpenidConfigurationServicer
from ostiary.services.csp.organization import OrganizationServicer
from ostiary.services.csp.organization_users import OrganizationUsersServicer
from ostiary.services.csp.principal_user import PrincipalUserServicer
from ostiary.services.iam.token import TokenServicer
from ostiary.services.internal.access import AccessServicer
from ostiary.services.internal.users import UsersServicer as DirectoryUsersServicer
from ostiary.services.oidc.provider import ProviderServicer
from ostiary.services.profiles.attributes import AttributesServicer
from ostiary.services.scim.service_provider_config import ServiceProviderConfigServicer
from ostiary.services.scim.users import UsersServicer as ScimUsersServicer
from ostiary.store import schema
from ostiary.store.copies import check_original
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
from ostiary.transport.steps.versions import refuse_unknown_version

Add = Callable[[Any, grpc.Server], None]


@dataclass(frozen=True, slots=True)
class Service:
    """A proto service with the servicer that implements it."""

    descriptor: ServiceDescriptor
    add: Add
    servicer: Callable[[Runtime], Any]


def _bound(messages: ModuleType, stubs: ModuleType, name: str, servicer: Callable[[Runtime], Any]) -> Service:
    return Service(
        messages.DESCRIPTOR.services_by_name[name], getattr(stubs, f"add_{name}Servicer_to_server"), servicer
    )


SERVICES: Sequence[Service] = (
    _bound(token_pb2, token_pb2_grpc, "TokenService", TokenServicer),
    _bound(
        advanced_password_management_pb2,
        advanced_password_management_pb2_grpc,
        "AdvancedPasswordManagementService",
        AdvancedPasswordManagementServicer,
    ),
    _bound(applications_pb2, applications_pb2_grpc, "ApplicationsService", ApplicationsServicer),
    _bound(
        cloud_directory_users_pb2,
        cloud_directory_users_pb2_grpc,
        "CloudDirectoryUsersService",
        CloudDirectoryUsersServicer,
    ),
    _bound(identity_providers_pb2, identity_providers_pb2_grpc, "IdentityProvidersService", IdentityProvidersServicer),
    _bound(password_regex_pb2, password_regex_pb2_grpc, "PasswordRegexService", PasswordRegexServicer),
    _bound(rate_limit_pb2, rate_limit_pb2_grpc, "RateLimitService", RateLimitServicer),
    _bound(redirect_uris_pb2, redirect_uris_pb2_grpc, "RedirectUrisService", RedirectUrisServicer),
    _bound(roles_pb2, roles_pb2_grpc, "RolesService", RolesServicer),
    _bound(runtime_activity_pb2, runtime_activity_pb2_grpc, "RuntimeActivityService", RuntimeActivityServicer),
    _bound(self_service_pb2, self_service_pb2_grpc, "SelfServiceService", SelfServiceServicer),
    _bound(sms_dispatcher_pb2, sms_dispatcher_pb2_grpc, "SmsDispatcherService", SmsDispatcherServicer),
    _bound(templates_pb2, templates_pb2_grpc, "TemplatesService", TemplatesServicer),
    _bound(sender_details_pb2, sender_details_pb2_grpc, "SenderDetailsService", SenderDetailsServicer),
    _bound(action_urls_pb2, action_urls_pb2_grpc, "ActionUrlsService", ActionUrlsServicer),
    _bound(email_dispatcher_pb2, email_dispatcher_pb2_grpc, "EmailDispatcherService", EmailDispatcherServicer),
    _bound(tokens_pb2, tokens_pb2_grpc, "TokensService", TokensServicer),
    _bound(users_pb2, users_pb2_grpc, "UsersService", UsersServicer),
    _bound(users_profile_pb2, users_profile_pb2_grpc, "UsersProfileService", UsersProfileServicer),
    _bound(languages_pb2, languages_pb2_grpc, "LanguagesService", LanguagesServicer),
    _bound(mfa_pb2, mfa_pb2_grpc, "MfaService", MfaServicer),
    _bound(saml_metadata_pb2, saml_metadata_pb2_grpc, "SamlMetadataService", SamlMetadataServicer),
    _bound(sso_pb2, sso_pb2_grpc, "SsoService", SsoServicer),
    _bound(widget_pb2, widget_pb2_grpc, "WidgetService", WidgetServicer),
    _bound(attributes_pb2, attributes_pb2_grpc, "AttributesService", AttributesServicer),
    _bound(discovery_pb2, discovery_pb2_grpc, "DiscoveryService", DiscoveryServicer),
    _bound(
        openid_configuration_pb2,
        openid_configuration_pb2_grpc,
        "OpenidConfigurationService",
        OpenidConfigurationServicer,
    ),
    _bound(organization_pb2, organization_pb2_grpc, "OrganizationService", OrganizationServicer),
    _bound(orgs_pb2, orgs_pb2_grpc, "OrgsService", OrgsServicer),
    _bound(authorization_pb2, authorization_pb2_grpc, "AuthorizationService", AuthorizationServicer),
    _bound(appid_token_pb2, appid_token_pb2_grpc, "TokenService", AppIdTokenServicer),
    _bound(userinfo_pb2, userinfo_pb2_grpc, "UserinfoService", UserinfoServicer),
    _bound(authentication_pb2, authentication_pb2_grpc, "AuthenticationService", AuthenticationServicer),
    _bound(login_pb2, login_pb2_grpc, "LoginService", LoginServicer),
    _bound(organization_users_pb2, organization_users_pb2_grpc, "OrganizationUsersService", OrganizationUsersServicer),
    _bound(principal_user_pb2, principal_user_pb2_grpc, "PrincipalUserService", PrincipalUserServicer),
    _bound(sessions_pb2, sessions_pb2_grpc, "SessionsService", SessionsServicer),
    _bound(tenant_token_pb2, tenant_token_pb2_grpc, "TenantTokenService", TenantTokenServicer),
    _bound(provider_pb2, provider_pb2_grpc, "ProviderService", ProviderServicer),
    _bound(access_pb2, access_pb2_grpc, "AccessService", AccessServicer),
    _bound(directory_users_pb2, directory_users_pb2_grpc, "UsersService", DirectoryUsersServicer),
    _bound(scim_users_pb2, scim_users_pb2_grpc, "UsersService", ScimUsersServicer),
    _bound(
        service_provider_config_pb2,
        service_provider_config_pb2_grpc,
        "ServiceProviderConfigService",
        ServiceProviderConfigServicer,
    ),
)
OPEN_SERVICES = frozenset({health.SERVICE_NAME, reflection.SERVICE_NAME})
"""Health and reflection need no token: the one named exception to closed by default (decision 28)."""
MAX_METADATA = 65_536
"""Bytes; grpc's own limit would turn a request with a big token or many cookies into a 429."""
MAX_CONCURRENT_RPCS = 256
"""Per worker; beyond it requests are refused at once, since nothing may queue without end (decision 32)."""


def open_runtime(settings: Settings, clock: Clock | None = None, entropy: Entropy | None = None) -> Runtime:
    """Opens the store and builds every part of a server; raises before anything is served when one is missing."""
    clock, entropy = clock or SystemClock(), entropy or SystemEntropy()
    schema.check(settings.database_url)
    store = Store(settings.database_url)
    sealing = Sealing(entropy, master_key(settings), *older_master_keys(settings))
    with closing(store), store.read() as work:  # closed at once: who opens a runtime may fork before using it
        check_master_key(work, sealing)
        check_original(work)
    tenancy = Tenancy()
    keys = Keyring(store, sealing, clock)
    issuers = Issuers(settings.base_url)
    limits = read_limits(settings.limits_file)
    passwords = Passwords(settings)
    password_change = PasswordChange(store, clock, passwords)
    sign_in = PasswordSignIn(store, clock, passwords, sealing, limits.exact)
    authentication = Authentication(tenancy, keys, issuers, clock)
    ledger = Ledger(store)
    user_sign_in = UserSignIn(store, sign_in, ledger, clock, entropy)
    grants: dict[str, Grant] = {
        "authorization_code": AuthorizationCodeGrant(store),
        "password": Password(user_sign_in),
        "client_credentials": ClientCredentials(),
        "refresh_token": RefreshTokenGrant(store, sealing, entropy),
        JWT_BEARER: JwtBearer(store, clock, entropy, issuers),
    }
    sign_in = PasswordSignIn(store, clock, passwords, sealing, limits.exact)
    tokens = PlatformTokens(tenancy, keys, issuers, clock, entropy)
    sessions = PlatformSessions(store, tenancy, clock, entropy, tokens, passwords, sign_in)
    outgoing = Outgoing(settings.outgoing_allow)
    caps = RecipientCaps(store, clock, sealing, limits.exact)
    messages = UserMessages(clock, entropy, Outbox(sealing, entropy), caps)
    delivery = Delivery(
        store, tenancy, clock, entropy, sealing, outgoing, operators_provider(settings),
        lambda work, tenant_id: sms_account(work, sealing, tenant_id),
        TenantSignature(store, tenancy, keys), issuers.tenant, settings,
    )  # fmt: skip
    return Runtime(
        settings=settings, clock=clock, entropy=entropy, store=store, tenancy=tenancy, sealing=sealing, keys=keys,
        issuers=issuers, limits=limits, passwords=passwords, password_change=password_change, sign_in=sign_in,
        authentication=authentication, inspection=TokenInspection(authentication, store, clock), ledger=ledger,
        authorization_requests=AuthorizationRequests(keys, issuers), user_sign_in=user_sign_in,
        finish=Finish(store, clock, entropy),
        token_endpoint=TokenEndpoint(clock, entropy, ledger, AppTokens(keys, issuers, ledger, entropy), grants),
        platform_tokens=tokens, platform_sessions=sessions,
        platform_token_endpoint=PlatformTokenEndpoint(store, tenancy, clock, entropy, sealing, tokens, sessions),
        outgoing=outgoing, delivery=delivery, caps=caps,
        registration=Registration(store, clock, entropy, passwords, messages),
    )  # fmt: skip


def master_key(settings: Settings) -> bytes:
    """The master key from the environment, else from its file; raises MasterKeyError when it is in neither."""
    if settings.master_key is not None:
        return decode_master_key(settings.master_key.get_secret_value())
    return read_master_key(settings.key_file)


def older_master_keys(settings: Settings) -> list[bytes]:
    """Keys that open what is not yet sealed under the master key; see `ostiary key rewrap --help`."""
    given = settings.old_master_key
    keys = [decode_master_key(given.get_secret_value())] if given is not None else []
    return keys + ([read_master_key(settings.old_master_key_file)] if settings.old_master_key_file else [])


def background_tasks(runtime: Runtime) -> list[Task]:
    """What the background process of a node does; see `ostiary.background`."""
    store, clock, holder = runtime.store, runtime.clock, new_id(runtime.entropy)
    return [
        Task("outbox", 1, runtime.delivery.send_due),
        Task("jobs", 5, lambda: run_jobs(store, clock, holder)),
        Task("cleaner", 60, lambda: leased(store, clock, holder, "cleaner", lambda: clean(store, clock))),
    ]


def steps(runtime: Runtime) -> list[Step]:
    """The order of the path after `Reception`, which receives the request, holds the outermost try and answers."""
    return [
        *tracing(),  # around everything, so that a span is as long as the request; empty unless asked for
        Authenticate(runtime.authentication),  # before access, which needs to know who asks
        authorize,  # before limits: strangers must not use up a tenant's share; before validation (AIP-211)
        Limit(CoarseLimiter(runtime.limits)),  # before work: what is refused must cost nothing
        refuse_malformed,  # after access: only who may call learns that the request was malformed
        refuse_unknown_version,  # of cloudapi only
        Audit(runtime.clock),  # around the unit of work, whose transaction records what it holds ready
        unit_of_work,  # innermost: nothing slow stands inside a transaction
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
            ("grpc.max_receive_message_length", largest_message(runtime.settings.max_body_bytes)),
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
