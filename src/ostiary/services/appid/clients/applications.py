"""App ID management: applications, their scopes and their own roles."""

from __future__ import annotations

from collections.abc import Sequence

import grpc
from google.protobuf import empty_pb2, struct_pb2

from ostiary.directory.roles.application_roles import chosen_roles, put_client_roles, roles_of_client
from ostiary.oauth.clients.clients import (
    CONFIDENTIAL,
    ClientView,
    create_client,
    delete_client,
    get_client,
    list_clients,
    lock_client,
    put_scopes,
    rename_client,
    show_secret,
)
from ostiary.runtime import Runtime
from ostiary.services.appid.profiles.roles import assigned_roles, role_choice
from ostiary.settings.fields import texts_of
from ostiary.transport.call import Call, current_call
from ostiary_api.appid.management.v4 import applications_pb2 as pb
from ostiary_api.appid.management.v4 import applications_pb2_grpc, roles_pb2


class ApplicationsServicer(applications_pb2_grpc.ApplicationsServiceServicer):
    """The OAuth clients of a tenant."""

    def __init__(self, runtime: Runtime) -> None:
        self._clock = runtime.clock
        self._entropy = runtime.entropy
        self._sealing = runtime.sealing
        self._issuers = runtime.issuers

    def ListApplications(
        self, request: pb.ListApplicationsRequest, context: grpc.ServicerContext
    ) -> pb.ListApplicationsResponse:
        call = current_call()
        clients = list_clients(call.work, call.required_tenant)
        return pb.ListApplicationsResponse(applications=[self._message(call, client) for client in clients])

    def CreateApplication(self, request: pb.CreateApplicationRequest, context: grpc.ServicerContext) -> pb.Application:
        call, wanted = current_call(), request.application
        client, _ = create_client(
            call.work, self._sealing, self._entropy, request.tenant_id, wanted.name, wanted.type or CONFIDENTIAL,
            self._clock.now_ms(),
        )  # fmt: skip
        call.audit_target = client.id
        return self._message(call, client)

    def GetApplication(self, request: pb.GetApplicationRequest, context: grpc.ServicerContext) -> pb.Application:
        call = current_call()
        return self._message(call, get_client(call.work, call.required_tenant, request.client_id))

    def UpdateApplication(self, request: pb.UpdateApplicationRequest, context: grpc.ServicerContext) -> pb.Application:
        call = current_call()
        client = rename_client(call.work, request.tenant_id, request.client_id, request.application.name)
        return self._message(call, client)

    def DeleteApplication(self, request: pb.DeleteApplicationRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        delete_client(current_call().work, request.tenant_id, request.client_id, self._clock.now_ms())
        return empty_pb2.Empty()

    def GetApplicationScopes(
        self, request: pb.GetApplicationScopesRequest, context: grpc.ServicerContext
    ) -> pb.ApplicationScopes:
        call = current_call()
        return _scopes_message(get_client(call.work, call.required_tenant, request.client_id).scopes)

    def PutApplicationScopes(
        self, request: pb.PutApplicationScopesRequest, context: grpc.ServicerContext
    ) -> pb.ApplicationScopes:
        work = current_call().work
        scopes = texts_of(request.scopes, "scopes")
        return _scopes_message(put_scopes(work, request.tenant_id, request.client_id, scopes))

    def GetApplicationRoles(
        self, request: pb.GetApplicationRolesRequest, context: grpc.ServicerContext
    ) -> roles_pb2.AssignedRoles:
        call = current_call()
        client = get_client(call.work, call.required_tenant, request.client_id)
        return assigned_roles(roles_of_client(call.work, request.tenant_id, client.id))

    def PutApplicationRoles(
        self, request: pb.PutApplicationRolesRequest, context: grpc.ServicerContext
    ) -> roles_pb2.AssignedRoles:
        work = current_call().work
        client = lock_client(work, request.tenant_id, request.client_id)
        roles = chosen_roles(work, request.tenant_id, role_choice(request.assignment))
        put_client_roles(work, request.tenant_id, client.id, roles)
        return assigned_roles(roles_of_client(work, request.tenant_id, request.client_id))

    def _message(self, call: Call, client: ClientView) -> pb.Application:
        """An application as App ID writes it; the secret only for those who may change it."""
        issuer = self._issuers.tenant(call.tenant_id)
        message = pb.Application(
            client_id=client.id, tenant_id=call.tenant_id, name=client.name, type=client.type, oauth_server_url=issuer,
            profiles_url=self._issuers.public_url, discovery_endpoint=f"{issuer}/.well-known/openid-configuration",
            scopes=client.scopes,
        )  # fmt: skip
        if call.shows_secrets and not client.is_public:
            message.secret = show_secret(self._sealing, call.tenant_id, client)
        return message


def _scopes_message(scopes: Sequence[str]) -> pb.ApplicationScopes:
    message = pb.ApplicationScopes(scopes=struct_pb2.ListValue())
    message.scopes.extend(scopes)
    return message
