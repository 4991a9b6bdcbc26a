"""Organizations in CSP."""

from __future__ import annotations

from collections.abc import Iterator

import grpc

from ostiary.access.policy import permissions_on
from ostiary.directory.groups.groups import list_groups
from ostiary.directory.groups.search import name_contains
from ostiary.directory.roles.permissions import Permission, no_such_role
from ostiary.directory.roles.role_list import organization_roles
from ostiary.directory.tenants.organizations import metadata_of, rename_organization, sub_organizations
from ostiary.names import name_key
from ostiary.runtime import Runtime
from ostiary.services.csp.links import org_path, role_path
from ostiary.services.csp.organizations.groups import MOST, expanded_groups
from ostiary.services.csp.organizations.users_roles import UsersRoles
from ostiary.services.csp.roles import shown_role
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work
from ostiary.transport.call import current_call
from ostiary_api.csp.v1 import organization_pb2 as pb
from ostiary_api.csp.v1 import organization_pb2_grpc, role_pb2


class OrganizationServicer(organization_pb2_grpc.OrganizationServiceServicer):
    """An organization: its name, and what operators store about it."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def GetOrganization(self, request: pb.GetOrganizationRequest, context: grpc.ServicerContext) -> pb.Organization:
        return organization(current_call().work, current_call().required_tenant)

    def UpdateOrganization(self, request: pb.UpdateOrganizationRequest, context: grpc.ServicerContext) -> pb.RefLink:
        name = request.organization.display_name
        rename_organization(current_call().work, request.org_id, name, self._runtime.clock.now_ms())
        return pb.RefLink(ref_link=org_path(request.org_id))

    def ListSubOrganizations(
        self, request: pb.ListSubOrganizationsRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.Organization]:
        for below in sub_organizations(current_call().work, request.org_id):
            yield pb.Organization(
                name=below.name, display_name=below.display_name, metadata=below.metadata, id=below.id,
                ref_link=org_path(below.id), parent_ref_link=org_path(request.org_id),
            )  # fmt: skip

    def ListOrganizationRoles(
        self, request: pb.ListOrganizationRolesRequest, context: grpc.ServicerContext
    ) -> pb.OrganizationRoles:
        call, org_id = current_call(), request.org_id
        roles = organization_roles(call.work, org_id)
        if request.HasField("name"):
            names = {name_key(name) for name in request.name.split(",")}
            roles = [role for role in roles if name_key(role.name) in names]
        return pb.OrganizationRoles(
            ref_links=[role_path(org_id, role.id) for role in roles],
            org_roles_data=[shown_role(org_id, role) for role in roles] if call.flag(request, "expand") else (),
        )

    def GetOrganizationRole(
        self, request: pb.GetOrganizationRoleRequest, context: grpc.ServicerContext
    ) -> role_pb2.OrgRole:
        for role in organization_roles(current_call().work, request.org_id):
            if role.id == request.role_id:
                return shown_role(request.org_id, role)
        raise no_such_role()

    def UpdateUsersRoles(
        self, request: pb.UpdateUsersRolesRequest, context: grpc.ServicerContext
    ) -> pb.UpdatedUsersRoles:
        return UsersRoles(current_call(), self._runtime).change(request.update)

    def SearchOrganizationGroups(
        self, request: pb.SearchOrganizationGroupsRequest, context: grpc.ServicerContext
    ) -> pb.FoundGroups:
        call, org_id = current_call(), request.org_id
        found, _ = list_groups(call.work, org_id, name_contains(request.group_search_term), count=MOST)
        owns = Permission.ORGANIZATION_OWN in permissions_on(call.principal, org_id)
        shown = expanded_groups(call.work, org_id, found, self._runtime.clock.now_ms(), with_roles=owns)
        return pb.FoundGroups(results=shown)


def organization(work: Work, tenant: TenantView) -> pb.Organization:
    """An organization as it is shown."""
    return pb.Organization(
        name=tenant.name, display_name=tenant.display_name, metadata=metadata_of(work, tenant.id),
        id=tenant.id, ref_link=org_path(tenant.id),
        parent_ref_link=org_path(tenant.parent_id) if tenant.parent_id else None,
    )  # fmt: skip
