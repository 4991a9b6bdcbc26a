"""A user of an organization in CSP: roles, services and groups, and what owners change."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
from google.api import httpbody_pb2

from ostiary.access.organization_scope import AnyOrganization
from ostiary.directory.roles.role_changes import RoleChange
from ostiary.runtime import Runtime
from ostiary.services.csp.roles import role_change, service_change, service_roles, shown_groups
from ostiary.services.csp.user_roles import UserRoles
from ostiary.services.csp.users import typed_user, user_with_acct
from ostiary.transport.call import current_call
from ostiary_api.csp.v1 import organization_users_pb2, role_pb2, user_controller_pb2_grpc, user_pb2
from ostiary_api.csp.v1 import user_controller_pb2 as pb


class UserServicer(user_controller_pb2_grpc.UserServiceServicer):
    """Users of an organization, one at a time."""

    def __init__(self, runtime: Runtime) -> None:
        self._users = UserRoles(runtime)
        self._tenancy = runtime.tenancy

    def ListUserServiceRoles(
        self, request: pb.ListUserServiceRolesRequest, context: grpc.ServicerContext
    ) -> role_pb2.UserServiceRoles:
        call = current_call()
        _, roles = self._users.held(call.work, call.required_tenant, request.user_id)
        return service_roles(roles, request.service_definition_link)

    def UpdateUserServiceRoles(
        self, request: pb.UpdateUserServiceRolesRequest, context: grpc.ServicerContext
    ) -> httpbody_pb2.HttpBody:
        change = service_change(request.update, request.update.service_definition_link)
        return self._users.change(current_call(), request.user_id, RoleChange(), [change])

    def ListUserRoles(
        self, request: pb.ListUserRolesRequest, context: grpc.ServicerContext
    ) -> Iterator[role_pb2.OrgRole]:
        yield from self._users.org_roles(current_call(), request.user_id)

    def UpdateUserRoles(
        self, request: pb.UpdateUserRolesRequest, context: grpc.ServicerContext
    ) -> httpbody_pb2.HttpBody:
        return self._users.change(current_call(), request.user_id, role_change(request.update))

    def GetUserRolesWithGroups(
        self, request: pb.GetUserRolesWithGroupsRequest, context: grpc.ServicerContext
    ) -> organization_users_pb2.TypedUser:
        call, tenant = current_call(), current_call().required_tenant
        user, roles = self._users.held(call.work, tenant, request.user_id)
        givers = {group_id for role in (*roles.organization, *roles.services) for group_id in role.group_ids}
        groups = shown_groups(call.work, tenant.id, givers)
        return typed_user(tenant, user, roles, with_profile=True, with_group_ids=True, groups=groups)

    def GetUserByAcct(self, request: pb.GetUserByAcctRequest, context: grpc.ServicerContext) -> user_pb2.User:
        call, own = current_call(), current_call().required_tenant
        organizations = AnyOrganization(call.work, self._tenancy, call.principal, own)
        tenant = organizations.named(request.acct.rpartition("@")[2]) or own
        user = user_with_acct(call.work, tenant, request.acct)
        return self._users.shown(call.work, tenant, user, with_profile=call.flag(request, "expand_profile"))

    def GetUserInfo(self, request: pb.GetUserInfoRequest, context: grpc.ServicerContext) -> user_pb2.UserInfo:
        return self._users.info(current_call(), request.user_id)
