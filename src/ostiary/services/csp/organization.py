"""Organizations in CSP."""

from __future__ import annotations

import grpc

from ostiary.directory.tenants.organizations import metadata_of, rename_organization
from ostiary.runtime import Runtime
from ostiary.services.csp.links import org_path
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work
from ostiary.transport.call import current_call
from ostiary_api.csp.v1 import organization_pb2 as pb
from ostiary_api.csp.v1 import organization_pb2_grpc


class OrganizationServicer(organization_pb2_grpc.OrganizationServiceServicer):
    """An organization: its name, and what operators store about it."""

    def __init__(self, runtime: Runtime) -> None:
        self._clock = runtime.clock

    def GetOrganization(self, request: pb.GetOrganizationRequest, context: grpc.ServicerContext) -> pb.Organization:
        return organization(current_call().work, current_call().required_tenant)

    def UpdateOrganization(self, request: pb.UpdateOrganizationRequest, context: grpc.ServicerContext) -> pb.RefLink:
        name = request.organization.display_name
        rename_organization(current_call().work, request.org_id, name, self._clock.now_ms())
        return pb.RefLink(ref_link=org_path(request.org_id))


def organization(work: Work, tenant: TenantView) -> pb.Organization:
    """An organization as it is shown."""
    return pb.Organization(
        name=tenant.name, display_name=tenant.display_name, metadata=metadata_of(work, tenant.id),
        id=tenant.id, ref_link=org_path(tenant.id),
        parent_ref_link=org_path(tenant.parent_id) if tenant.parent_id else None,
    )  # fmt: skip
