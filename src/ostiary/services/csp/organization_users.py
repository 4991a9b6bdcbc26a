"""The users of an organization in CSP."""

from __future__ import annotations

import grpc

from ostiary.access.policy import permissions_on
from ostiary.directory.roles.member_roles import MemberRoles, member_roles
from ostiary.directory.roles.permissions import Permission
from ostiary.directory.users.containing import Parts, search_users
from ostiary.directory.users.users import BY_USER_NAME, list_users
from ostiary.runtime import Runtime
from ostiary.services.csp.links import API, org_path, page_links
from ostiary.services.csp.users import typed_user
from ostiary.transport.call import current_call
from ostiary_api.csp.v1 import organization_users_pb2 as pb
from ostiary_api.csp.v1 import organization_users_pb2_grpc

FLAGS = ("expand_profile", "include_group_ids_in_roles")


class OrganizationUsersServicer(organization_users_pb2_grpc.OrganizationUsersServiceServicer):
    """Lists the users of an organization."""

    def __init__(self, runtime: Runtime) -> None:
        self._clock = runtime.clock

    def ListUsers(self, request: pb.ListUsersRequest, context: grpc.ServicerContext) -> pb.UserPage:
        return self._page(request, f"{org_path(request.org_id)}/users")

    def ListUsersV2(self, request: pb.ListUsersV2Request, context: grpc.ServicerContext) -> pb.UserPage:
        return self._page(request, f"{API}/v2/orgs/{request.org_id}/users")

    def SearchUsers(self, request: pb.SearchUsersRequest, context: grpc.ServicerContext) -> pb.FoundUsers:
        call, tenant = current_call(), current_call().required_tenant
        users = search_users(call.work, tenant.id, Parts(request.user_search_term))
        owns = Permission.ORGANIZATION_OWN in permissions_on(call.principal, tenant.id)
        ids = [user.id for user in users] if owns else []
        roles = member_roles(call.work, tenant.id, ids, self._clock.now_ms())
        with_profile, with_ids = (call.flag(request, name) for name in FLAGS)
        return pb.FoundUsers(
            results=[
                typed_user(
                    tenant, user, roles.get(user.id, MemberRoles()), with_profile=with_profile, with_group_ids=with_ids
                )
                for user in users
            ]
        )  # fmt: skip

    def _page(self, request: pb.ListUsersRequest | pb.ListUsersV2Request, path: str) -> pb.UserPage:
        call, tenant = current_call(), current_call().required_tenant
        page = call.page(request)
        users, total = list_users(call.work, tenant.id, start=page.start, count=page.size, order=BY_USER_NAME)
        roles = member_roles(call.work, tenant.id, [user.id for user in users], self._clock.now_ms())
        with_profile, with_group_ids = (call.flag(request, name) for name in FLAGS)
        return pb.UserPage(
            results=[
                typed_user(tenant, user, roles[user.id], with_profile=with_profile, with_group_ids=with_group_ids)
                for user in users
            ],
            total_results=total,
            **page_links(call, request, path, page, total, *FLAGS),
        )
