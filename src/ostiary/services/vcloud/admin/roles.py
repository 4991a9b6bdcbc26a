"""Roles in XML: read, defined, changed and deleted; and the rights of which they are made."""

from __future__ import annotations

import grpc
from google.api import httpbody_pb2
from google.protobuf import empty_pb2

from ostiary.directory.roles.granting import Giver
from ostiary.directory.roles.right_list import RIGHTS
from ostiary.directory.roles.role_list import get_role
from ostiary.directory.roles.role_rights import changeable_role, redefine_role
from ostiary.directory.roles.stored_roles import create_stored_role, delete_stored_role
from ostiary.errors import not_found
from ostiary.ids import guid
from ostiary.runtime import Runtime
from ostiary.services.vcloud.admin.role_documents import RoleDescription, right_document, role_document
from ostiary.transport.call import Call, current_call
from ostiary_api.vcloud.v1 import admin_pb2 as pb


class AdminRoles:
    """Operations on roles: the same as at cloudapi, name, description and rights in one."""

    def __init__(self, runtime: Runtime, api: str) -> None:
        self._api = api
        self._clock = runtime.clock
        self._entropy = runtime.entropy
        self._giver_of = runtime.oauth.authentication.giver

    def GetRole(self, request: pb.GetRoleRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        return self._role(guid(request.id, "role"))

    def CreateRole(self, request: pb.CreateRoleRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        call, definition = current_call(), RoleDescription(request.role).new()
        made = create_stored_role(
            call.work, call.tenant_id, definition, self._giver(call), self._entropy, self._clock.now_ms()
        )
        call.audit_target = made.id
        call.created(f"{self._api}/admin/role/{made.id}")
        return self._role(made.id)

    def UpdateRole(self, request: pb.UpdateRoleRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        call, role_id, asked = current_call(), guid(request.id, "role"), RoleDescription(request.role)
        redefine_role(call.work, call.tenant_id, role_id, asked.after, self._giver(call), self._clock.now_ms())
        call.audit_target = role_id
        return self._role(role_id)

    def DeleteRole(self, request: pb.DeleteRoleRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        call, role_id = current_call(), guid(request.id, "role")
        changeable_role(call.work, call.tenant_id, role_id)
        delete_stored_role(call.work, call.tenant_id, role_id, self._giver(call))
        call.audit_target = role_id
        return empty_pb2.Empty()

    def GetRight(self, request: pb.GetRightRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        found = RIGHTS.get(guid(request.id, "right"))
        if found is None:
            raise not_found("RIGHT_NOT_FOUND", "There is no such right.")
        return right_document(self._api, found)

    def _role(self, role_id: str) -> httpbody_pb2.HttpBody:
        call = current_call()
        return role_document(self._api, get_role(call.work, call.tenant_id, role_id))

    def _giver(self, call: Call) -> Giver:
        return self._giver_of(call.principal, call.tenant_id)
