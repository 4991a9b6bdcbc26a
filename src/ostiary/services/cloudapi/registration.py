"""Registration of API tokens, each organization under its own name."""

from __future__ import annotations

import grpc

from ostiary.access.principals import PrincipalKind
from ostiary.directory.tenants.tenants import SYSTEM_NAME
from ostiary.directory.users.users import get_user
from ostiary.errors import denied
from ostiary.names import name_key
from ostiary.oauth.platform.registered_tokens import register_api_token
from ostiary.oauth.sessions.sessions import find_session
from ostiary.runtime import Runtime
from ostiary.transport.call import Call, current_call
from ostiary_api.cloudapi.v1 import registration_pb2 as pb
from ostiary_api.cloudapi.v1 import registration_pb2_grpc


class RegistrationServicer(registration_pb2_grpc.RegistrationServiceServicer):
    """Registers what will hold a refresh token."""

    def __init__(self, runtime: Runtime) -> None:
        self._clock = runtime.clock
        self._entropy = runtime.entropy

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
        if name_key(org) != name_key(call.required_tenant.name):
            raise denied("FORBIDDEN", "The caller may not see this organization, or it does not exist.")
        client_id = self._api_token(call, asked.client_name)
        call.audit_target = client_id
        return pb.ClientRegistration(client_name=asked.client_name, client_id=client_id)

    def _api_token(self, call: Call, name: str) -> str:
        if call.principal.kind is not PrincipalKind.USER:
            raise denied("NOT_A_USER", "Only people have API tokens: sign in as a user.")
        now_ms = self._clock.now_ms()
        user = get_user(call.work, call.tenant_id, call.principal.id)
        session = find_session(call.work, call.tenant_id, call.principal.session_id, now_ms)
        amr = session.amr if session else ""
        return register_api_token(call.work, call.tenant_id, user, name, amr, self._entropy, now_ms)
