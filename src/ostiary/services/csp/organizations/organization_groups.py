"""Groups of an organization in CSP: searched and listed, their roles, their users, their removal."""

from __future__ import annotations

from dataclasses import replace

import grpc
from google.api import httpbody_pb2

from ostiary.directory.groups.groups import delete_group, get_group, list_groups
from ostiary.directory.groups.search import EQUAL, name_contains
from ostiary.directory.roles.granting import Holder
from ostiary.directory.roles.member_roles import group_roles
from ostiary.directory.roles.role_changes import change_roles
from ostiary.directory.service_definitions.changes import change_service_roles
from ostiary.directory.users.containing import Parts, list_users_of_group
from ostiary.errors import DomainError
from ostiary.runtime import Runtime
from ostiary.services.csp.links import API, org_path, page_links
from ostiary.services.csp.organizations.groups import expanded_groups, org_roles, service_roles
from ostiary.services.csp.roles import role_change, service_change, shown_groups
from ostiary.services.csp.users import listed_user
from ostiary.store.tables import GROUP
from ostiary.transport.call import current_call
from ostiary_api.csp.v1 import group_pb2, group_pb2_grpc, organization_groups_pb2_grpc
from ostiary_api.csp.v1 import organization_groups_pb2 as pb

USUAL_SEARCH = 128
"""Results of a page of a search when the client does not say."""


class GroupServicer(group_pb2_grpc.GroupServiceServicer):
    """Finds groups of the caller's organization."""

    def __init__(self, runtime: Runtime) -> None:
        pass

    def SearchGroups(
        self, request: group_pb2.SearchGroupsRequest, context: grpc.ServicerContext
    ) -> group_pb2.GroupPage:
        call, page = current_call(), current_call().page(request)
        if not request.HasField("page_limit"):
            page = replace(page, size=USUAL_SEARCH)
        tenant_id = call.required_tenant.id
        found, total = list_groups(
            call.work, tenant_id, name_contains(request.search_term), start=page.start, count=page.size
        )
        shown = shown_groups(call.work, tenant_id, [group.id for group in found])
        return group_pb2.GroupPage(
            results=[shown[group.id] for group in found],
            total_results=total,
            **page_links(call, request, f"{API}/groups/search", page, total, "search_term"),
        )


class OrganizationGroupsServicer(organization_groups_pb2_grpc.OrganizationGroupsServiceServicer):
    """The groups of an organization."""

    def __init__(self, runtime: Runtime) -> None:
        self._clock = runtime.clock
        self._authentication = runtime.oauth.authentication

    def GetGroupRoles(self, request: pb.GetGroupRolesRequest, context: grpc.ServicerContext) -> pb.GroupRoles:
        call, org_id = current_call(), request.org_id
        group = get_group(call.work, org_id, request.group_id)
        roles = group_roles(call.work, org_id, [group.id], self._clock.now_ms())[group.id]
        return pb.GroupRoles(organization_roles=org_roles(org_id, roles), service_roles=service_roles(roles))

    def UpdateGroupRoles(
        self, request: pb.UpdateGroupRolesRequest, context: grpc.ServicerContext
    ) -> httpbody_pb2.HttpBody:
        call, holder = current_call(), Holder(request.group_id, GROUP)
        giver, now_ms = self._authentication.giver(call.principal, request.org_id), self._clock.now_ms()
        change = role_change(request.update.organization_roles)
        change_roles(call.work, request.org_id, holder, change, giver, now_ms)
        services = [service_change(asked, asked.service_definition_id) for asked in request.update.service_roles]
        change_service_roles(call.work, request.org_id, holder, services, giver, now_ms)
        call.audit_target = request.group_id
        return httpbody_pb2.HttpBody()

    def ListOrganizationGroups(
        self, request: pb.ListOrganizationGroupsRequest, context: grpc.ServicerContext
    ) -> pb.ExpandedGroupPage:
        call, page = current_call(), current_call().page(request)
        wanted = [EQUAL["id"](request.org_id, request.group_id)] if request.group_id else []
        found, total = list_groups(call.work, request.org_id, *wanted, start=page.start, count=page.size)
        return pb.ExpandedGroupPage(
            results=expanded_groups(call.work, request.org_id, found, self._clock.now_ms()),
            total_results=total,
            **page_links(call, request, f"{org_path(request.org_id)}/groups", page, total, "group_id"),
        )

    def RemoveGroups(self, request: pb.RemoveGroupsRequest, context: grpc.ServicerContext) -> pb.RemovedGroups:
        call, answer = current_call(), pb.RemovedGroups()
        giver, now_ms = self._authentication.giver(call.principal, request.org_id), self._clock.now_ms()
        for group_id in dict.fromkeys(request.removal.ids):
            try:
                with call.work.savepoint():
                    delete_group(call.work, request.org_id, group_id, giver, now_ms)
                answer.succeeded.append(group_id)
            except DomainError as refused:
                answer.failed.append(group_id)
                answer.failures.add(id=group_id, message=refused.message)
        call.audit_targets = list(answer.succeeded)
        return answer

    def ListGroupUsers(self, request: pb.ListGroupUsersRequest, context: grpc.ServicerContext) -> pb.GroupUserPage:
        call, page, tenant = current_call(), current_call().page(request), current_call().required_tenant
        group = get_group(call.work, tenant.id, request.group_id)
        parts = Parts("", request.first_name, request.last_name, request.email)
        users, total = list_users_of_group(
            call.work, tenant.id, group.id, parts, direct=request.only_direct_users, start=page.start, count=page.size
        )
        filters = ("first_name", "last_name", "email", "only_direct_users")
        return pb.GroupUserPage(
            results=[listed_user(tenant, user, with_profile=False) for user in users],
            total_results=total,
            **page_links(call, request, f"{org_path(tenant.id)}/groups/{group.id}/users", page, total, *filters),
        )
