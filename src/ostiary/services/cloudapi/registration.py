"""Registration of API tokens and service accounts, each organization under its own name."""

from __future__ import annotations

import grpc

from ostiary.access.policy import permissions_on
from ostiary.access.principals import PrincipalKind
from ostiary.directory.roles.permissions import Permission, role_too_small
from ostiary.directory.tenants.tenants import SYSTEM_NAME
from ostiary.directory.users.users import get_user
from ostiary.errors import DomainError, denied, invalid
from ostiary.names import is_text, name_key
from ostiary.oauth.platform.registered_tokens import register_api_token
from ostiary.oauth.platform.service_accounts import Software, register_service_account
from ostiary.oauth.sessions.sessions import find_session
from ostiary.runtime import Runtime
from ostiary.services.cloudapi.service_accounts import role_in_scope
from ostiary.store.tenancy import tenant_named
from ostiary.transport.bounds.messages import check_by_operation
from ostiary.transport.call import Call, current_call
from ostiary_api.cloudapi.v1 import registration_pb2 as pb
from ostiary_api.cloudapi.v1 import registration_pb2_grpc

_refuse_excess = check_by_operation(pb.ClientRegistration.DESCRIPTOR)


class RegistrationServicer(registration_pb2_grpc.RegistrationServiceServicer):
    """Registers what will hold a refresh token."""

    def __init__(self, runtime: Runtime) -> None:
        self._clock = runtime.clock
        self._entropy = runtime.entropy
        self._authentication = runtime.oauth.authentication

    def RegisterTenantClient(
        self, request: pb.RegisterTenantClientRequest, context: grpc.ServicerContext
    ) -> pb.ClientRegistration:
        return self._registered(request.tenant, request.registration)

    def RegisterProviderClient(
        self, request: pb.RegisterProviderClientRequest, context: grpc.ServicerContext
    ) -> pb.ClientRegistration:
        return self._registered(SYSTEM_NAME, request.registration)

    def _registered(self, org: str, asked: pb.ClientRegistration) -> pb.ClientRegistration:
        call = current_call()
        register = self._service_account if asked.software_id or asked.scope else self._api_token
        client_id = register(call, org, asked)
        call.audit_target = client_id
        answer = pb.ClientRegistration()
        answer.CopyFrom(asked)
        answer.client_id = client_id
        return answer

    def _service_account(self, call: Call, org: str, asked: pb.ClientRegistration) -> str:
        tenant_id = self._administered(call, org)
        _refuse_excess(asked)
        if not (asked.software_id and asked.scope):
            raise invalid("NOT_A_SERVICE_ACCOUNT", "A service account has a software_id, and a role in scope.")
        role = role_in_scope(call.work, tenant_id, asked.scope).key
        software = Software(asked.software_id, asked.software_version, asked.client_uri)
        giver = self._authentication.giver(call.principal, tenant_id)
        return register_service_account(
            call.work, tenant_id, asked.client_name, software, role, giver, self._entropy, self._clock.now_ms()
        )

    def _administered(self, call: Call, org: str) -> str:
        """The organization with this name; raises the error for a foreign one unless the caller administers it."""
        own, key = call.required_tenant, name_key(org)
        tenant_id = own.id if key == name_key(own.name) else tenant_named(call.work, key) if is_text(key) else None
        tenant = call.tenancy.find(call.work, tenant_id) if tenant_id else None
        if tenant_id is None or tenant is None or not tenant.enabled or not permissions_on(call.principal, tenant_id):
            raise _forbidden()
        if Permission.ORGANIZATION_OWN not in permissions_on(call.principal, tenant_id):
            raise role_too_small()
        return tenant_id

    def _api_token(self, call: Call, org: str, asked: pb.ClientRegistration) -> str:
        if name_key(org) != name_key(call.required_tenant.name):
            raise _forbidden()
        if call.principal.kind is not PrincipalKind.USER:
            raise denied("NOT_A_USER", "Only people have API tokens: sign in as a user.")
        _refuse_excess(asked)
        now_ms = self._clock.now_ms()
        user = get_user(call.work, call.tenant_id, call.principal.id)
        session = find_session(call.work, call.tenant_id, call.principal.session_id, now_ms)
        amr = session.amr if session else ""
        return register_api_token(call.work, call.tenant_id, user, asked.client_name, amr, self._entropy, now_ms)


def _forbidden() -> DomainError:
    """Returns the error for an organization of others, which is that for an unknown one."""
    return denied("FORBIDDEN", "The caller may not see this organization, or it does not exist.")
