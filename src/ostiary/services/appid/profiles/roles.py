"""App ID management: roles."""

from __future__ import annotations

from collections.abc import Iterable

import grpc
from google.protobuf import empty_pb2, struct_pb2

from ostiary.directory.roles.application_roles import (
    Access,
    HeldRole,
    RoleChoice,
    RoleView,
    create_role,
    delete_role,
    get_role,
    list_roles,
    update_role,
)
from ostiary.errors import invalid
from ostiary.runtime import Runtime
from ostiary.settings.fields import texts_in
from ostiary.transport.call import current_call
from ostiary_api.appid.management.v4 import roles_pb2 as pb
from ostiary_api.appid.management.v4 import roles_pb2_grpc

_EMPTY = struct_pb2.ListValue()


class RolesServicer(roles_pb2_grpc.RolesServiceServicer):
    """The roles: named sets of scopes, given to users and to applications."""

    def __init__(self, runtime: Runtime) -> None:
        self._clock = runtime.clock
        self._entropy = runtime.entropy

    def ListRoles(self, request: pb.ListRolesRequest, context: grpc.ServicerContext) -> pb.ListRolesResponse:
        call = current_call()
        return pb.ListRolesResponse(roles=map(role_message, list_roles(call.work, call.required_tenant)))

    def CreateRole(self, request: pb.CreateRoleRequest, context: grpc.ServicerContext) -> pb.Role:
        call, role = current_call(), request.role
        made = create_role(
            call.work, request.tenant_id, role.name, role.description, access_of(role), self._entropy,
            self._clock.now_ms(),
        )  # fmt: skip
        call.audit_target = made.id
        return role_message(made)

    def GetRole(self, request: pb.GetRoleRequest, context: grpc.ServicerContext) -> pb.Role:
        call = current_call()
        return role_message(get_role(call.work, call.required_tenant, request.role_id))

    def UpdateRole(self, request: pb.UpdateRoleRequest, context: grpc.ServicerContext) -> pb.Role:
        role = request.role
        return role_message(
            update_role(
                current_call().work, request.tenant_id, request.role_id, role.name, role.description, access_of(role)
            )
        )

    def DeleteRole(self, request: pb.DeleteRoleRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        delete_role(current_call().work, request.tenant_id, request.role_id)
        return empty_pb2.Empty()


def role_message(role: RoleView) -> pb.Role:
    """A role as App ID writes it."""
    message = pb.Role(id=role.id, name=role.name, description=role.description, access=struct_pb2.ListValue())
    for client_id, scopes in role.access.items():
        entry = message.access.add_struct()
        entry["application_id"] = client_id
        entry.get_or_create_list("scopes").extend(scopes)
    return message


def access_of(role: pb.Role) -> Access:
    """The access that a role's document asks for; entries for the same application are one. Raises INVALID_LIST."""
    access: dict[str, list[str]] = {}
    for position, entry in enumerate(role.access):
        client_id, scopes = _entry(entry, f"access[{position}]")
        access.setdefault(client_id, []).extend(scopes)
    return access


def _entry(entry: object, where: str) -> tuple[str, list[str]]:
    """A RoleAccess in a ListValue: its application and its scopes."""
    members = dict(entry.items()) if isinstance(entry, struct_pb2.Struct) else {"application_id": None}
    client_id, scopes = members.get("application_id", ""), members.get("scopes", _EMPTY)
    if not (isinstance(client_id, str) and isinstance(scopes, struct_pb2.ListValue)):
        raise invalid("INVALID_LIST", f'{where} must be such as {{"application_id": "…", "scopes": ["…"]}}.')
    return client_id, texts_in(scopes, f"{where}.scopes")


def role_choice(assignment: pb.RoleAssignment) -> RoleChoice:
    """Returns the roles that an assignment names."""
    return RoleChoice(assignment.roles.ids, assignment.roles.names)


def assigned_roles(roles: Iterable[HeldRole]) -> pb.AssignedRoles:
    """Returns the roles of a profile, as App ID writes them."""
    return pb.AssignedRoles(roles=[pb.AssignedRole(id=role.id, name=role.name) for role in roles])
