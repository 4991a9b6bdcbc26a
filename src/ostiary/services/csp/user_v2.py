"""Users in the second version of CSP's operations, and changes of all roles at once in the third."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
from google.api import httpbody_pb2

from ostiary.access.organization_scope import AnyOrganization
from ostiary.directory.groups.membership import groups_of_users
from ostiary.directory.users.containing import Parts, search_users
from ostiary.directory.users.users import get_user
from ostiary.runtime import Runtime
from ostiary.services.csp.roles import role_change, service_change, shown_groups
from ostiary.services.csp.user_roles import UserRoles
from ostiary.services.csp.users import idp_details, listed_user, user_named
from ostiary.transport.call import current_call
from ostiary_api.csp.v1 import (
    organization_users_pb2,
    role_pb2,
    user_pb2,
    user_v2_pb2_grpc,
    user_v3_pb2,
    user_v3_pb2_grpc,
)
from ostiary_api.csp.v1 import user_v2_pb2 as pb


class UserV2Servicer(user_v2_pb2_grpc.UserV2ServiceServicer):
    """Users by id, and a search for them."""

    def __init__(self, runtime: Runtime) -> None:
        self._users = UserRoles(runtime)
        self._tenancy = runtime.tenancy

    def SearchIdpUsers(self, request: pb.SearchIdpUsersRequest, context: grpc.ServicerContext) -> pb.IdpUsers:
        call, asked = current_call(), request.search
        parts = Parts(asked.search_term, asked.first_name, asked.last_name, asked.email)
        own = call.required_tenant
        organizations = AnyOrganization(call.work, self._tenancy, call.principal, own)
        tenant = organizations.named(asked.domain) if asked.domain else own
        users = search_users(call.work, (tenant or own).id, parts)
        if tenant is None or asked.idp_id:
            return pb.IdpUsers()
        return pb.IdpUsers(results=[listed_user(tenant, user, with_profile=False) for user in users])

    def GetUserById(self, request: pb.GetUserByIdRequest, context: grpc.ServicerContext) -> user_pb2.User:
        call, own = current_call(), current_call().required_tenant
        tenant = AnyOrganization(call.work, self._tenancy, call.principal, own).of_user(request.user_id)
        user = get_user(call.work, tenant.id, request.user_id)
        shown = self._users.shown(call.work, tenant, user, with_profile=call.flag(request, "expand_profile"))
        shown.idp_user_details.CopyFrom(idp_details(user))
        return shown

    def ListUserRolesV2(
        self, request: pb.ListUserRolesV2Request, context: grpc.ServicerContext
    ) -> Iterator[role_pb2.OrgRole]:
        yield from self._users.org_roles(current_call(), request.user_id)

    def ListUserGroups(
        self, request: pb.ListUserGroupsRequest, context: grpc.ServicerContext
    ) -> organization_users_pb2.UserGroups:
        call = current_call()
        user = user_named(call.work, call.required_tenant, request.user_id)
        ids = [group.id for group in groups_of_users(call.work, call.tenant_id, [user.id])[user.id]]
        return organization_users_pb2.UserGroups(groups=shown_groups(call.work, call.tenant_id, ids).values())

    def GetUserInfoV2(self, request: pb.GetUserInfoV2Request, context: grpc.ServicerContext) -> user_pb2.UserInfo:
        return self._users.info(current_call(), request.user_id)


class UserV3Servicer(user_v3_pb2_grpc.UserV3ServiceServicer):
    """Changes of all roles of a user."""

    def __init__(self, runtime: Runtime) -> None:
        self._users = UserRoles(runtime)

    def UpdateMemberRoles(
        self, request: user_v3_pb2.UpdateMemberRolesRequest, context: grpc.ServicerContext
    ) -> httpbody_pb2.HttpBody:
        services = [service_change(one, one.service_definition_id) for one in request.update.service_roles]
        roles = role_change(request.update.organization_roles)
        return self._users.change(current_call(), request.user_id, roles, services)
