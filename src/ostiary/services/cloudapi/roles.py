"""Roles in cloudapi."""

from __future__ import annotations

from collections.abc import Callable

import grpc
from google.protobuf import empty_pb2

from ostiary.directory.roles.granting import Giver
from ostiary.directory.roles.permissions import Permissions
from ostiary.directory.roles.right_list import RIGHTS
from ostiary.directory.roles.role_list import ListedRole, get_role, list_roles
from ostiary.directory.roles.role_rights import change_rights, changeable_role, describe_role
from ostiary.directory.roles.stored_roles import RoleDefinition, create_stored_role, delete_stored_role
from ostiary.ids import guid
from ostiary.runtime import Runtime
from ostiary.services.cloudapi.paging import asked_list, paged
from ostiary.services.cloudapi.references import reference
from ostiary.services.cloudapi.rights import page_of_rights, permissions_referred_to
from ostiary.transport.call import Call, current_call
from ostiary_api.cloudapi.v1 import cloudapi_roles_pb2 as pb
from ostiary_api.cloudapi.v1 import cloudapi_roles_pb2_grpc, rights_pb2


class RolesServicer(cloudapi_roles_pb2_grpc.RolesServiceServicer):
    """The roles of an organization, and their rights."""

    def __init__(self, runtime: Runtime) -> None:
        self._url = f"{runtime.issuers.public_url}/cloudapi/1.0.0/roles"
        self._authentication = runtime.oauth.authentication
        self._clock = runtime.clock
        self._entropy = runtime.entropy

    def ListRoles(self, request: pb.ListRolesRequest, context: grpc.ServicerContext) -> pb.Roles:
        call = current_call()
        found, total = list_roles(call.work, call.tenant_id, request.filter, **asked_list(request, "name"))
        return pb.Roles(**paged(self._url, "Roles", request, total), values=map(_role, found))

    def CreateRole(self, request: pb.CreateRoleRequest, context: grpc.ServicerContext) -> pb.Role:
        call, asked = current_call(), request.role
        definition = RoleDefinition(asked.name, description=asked.description)
        made = create_stored_role(
            call.work, call.tenant_id, definition, self._giver(call), self._entropy, self._clock.now_ms()
        )
        call.audit_target = made.id
        call.headers.append(("content-location", f"{self._url}/urn:vcloud:role:{made.id}"))
        return _role(get_role(call.work, call.tenant_id, made.id))

    def GetRole(self, request: pb.GetRoleRequest, context: grpc.ServicerContext) -> pb.Role:
        call = current_call()
        return _role(get_role(call.work, call.tenant_id, guid(request.id, "role")))

    def UpdateRole(self, request: pb.UpdateRoleRequest, context: grpc.ServicerContext) -> pb.Role:
        call, role_id, asked = current_call(), guid(request.id, "role"), request.role
        description = asked.description if asked.HasField("description") else None
        describe_role(
            call.work, call.tenant_id, role_id, asked.name, description, self._giver(call), self._clock.now_ms()
        )
        call.audit_target = role_id
        return _role(get_role(call.work, call.tenant_id, role_id))

    def DeleteRole(self, request: pb.DeleteRoleRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        call, role_id = current_call(), guid(request.id, "role")
        changeable_role(call.work, call.tenant_id, role_id)
        delete_stored_role(call.work, call.tenant_id, role_id, self._giver(call))
        call.audit_target = role_id
        return empty_pb2.Empty()

    def ListRoleRights(self, request: pb.ListRoleRightsRequest, context: grpc.ServicerContext) -> rights_pb2.Rights:
        call, role_id = current_call(), guid(request.id, "role")
        held = get_role(call.work, call.tenant_id, role_id).permissions
        return page_of_rights(f"{self._url}/urn:vcloud:role:{role_id}/rights", request, held)

    def AddRoleRights(
        self, request: pb.AddRoleRightsRequest, context: grpc.ServicerContext
    ) -> rights_pb2.RightReferences:
        added = permissions_referred_to(request.rights.values)
        return self._rights(request.id, lambda held: held | added)

    def ReplaceRoleRights(
        self, request: pb.ReplaceRoleRightsRequest, context: grpc.ServicerContext
    ) -> rights_pb2.RightReferences:
        wanted = permissions_referred_to(request.rights.values)
        return self._rights(request.id, lambda _held: wanted)

    def _rights(self, named: str, after: Callable[[Permissions], Permissions]) -> rights_pb2.RightReferences:
        call, role_id = current_call(), guid(named, "role")
        held = change_rights(call.work, call.tenant_id, role_id, after, self._giver(call), self._clock.now_ms())
        call.audit_target = role_id
        shown = [right for right in RIGHTS.values() if right.permission in held]
        return rights_pb2.RightReferences(
            values=[reference("right", right.id, right.permission.value) for right in shown]
        )

    def _giver(self, call: Call) -> Giver:
        return self._authentication.giver(call.principal, call.tenant_id)


def _role(role: ListedRole) -> pb.Role:
    return pb.Role(
        id=f"urn:vcloud:role:{role.id}", name=role.name, description=role.description, read_only=role.built_in,
        bundle_key=f"ROLE_{role.name.upper()}" if role.built_in else "com.vmware.vcloud.undefined.role",
    )  # fmt: skip
