"""Service definitions in CSP."""

from __future__ import annotations

import grpc

from ostiary.access.organization_scope import organization_scope
from ostiary.access.policy import permissions_on, unknown_tenant
from ostiary.directory.service_definitions.changes import service_by_id
from ostiary.directory.service_definitions.definitions import Service, list_services
from ostiary.directory.service_definitions.organizations import organizations_with_services
from ostiary.runtime import Runtime
from ostiary.services.csp.links import definition_path, org_path, page_links
from ostiary.store.tenancy import SYSTEM_ID
from ostiary.transport.call import Call, current_call
from ostiary_api.csp.v1 import service_definition_pb2 as pb
from ostiary_api.csp.v1 import service_definition_pb2_grpc, service_definition_v2_pb2_grpc
from ostiary_api.csp.v1 import service_definition_v2_pb2 as pb2


class ServiceDefinitionServicer(service_definition_pb2_grpc.ServiceDefinitionServiceServicer):
    """Lists service definitions."""

    def __init__(self, runtime: Runtime) -> None:
        self._tenancy = runtime.tenancy

    def ListServiceDefinitions(
        self, request: pb.ListServiceDefinitionsRequest, context: grpc.ServicerContext
    ) -> pb.ServiceDefinitionList:
        call = current_call()
        self._check_organization(call, request.org_link)
        services, _ = list_services(call.work)
        expanded = services if call.flag(request, "expand") else []
        return pb.ServiceDefinitionList(
            service_definition_links=[definition_path(service.id) for service in services],
            results=map(_definition, expanded),
        )

    def _check_organization(self, call: Call, link: str) -> None:
        """Raises TENANT_NOT_FOUND for an organization that the caller may not see, or that does not exist."""
        if not link:
            return
        org_id = link.removeprefix(org_path(""))
        tenant = self._tenancy.find(call.work, org_id) if permissions_on(call.principal, org_id) else None
        if tenant is None or not tenant.enabled:
            raise unknown_tenant()


class ServiceDefinitionV2Servicer(service_definition_v2_pb2_grpc.ServiceDefinitionV2ServiceServicer):
    """Services of organizations, and organizations of services."""

    def __init__(self, runtime: Runtime) -> None:
        """Needs nothing from the runtime: everything is in the store."""

    def ListServices(
        self, request: pb2.ListServicesRequest, context: grpc.ServicerContext
    ) -> pb2.ServiceDefinitionPage:
        call, page = current_call(), current_call().page(request)
        services, total = list_services(call.work, page)
        path = f"/csp/gateway/slc/api/v2/orgs/{request.org_id}/services"
        return pb2.ServiceDefinitionPage(
            results=map(_definition, services), total_results=total, **page_links(call, request, path, page, total)
        )

    def ListServiceOrgs(self, request: pb2.ListServiceOrgsRequest, context: grpc.ServicerContext) -> pb2.ServiceOrgPage:
        call, page = current_call(), current_call().page(request)
        service = service_by_id(call.work, request.service_definition_id)
        scope = organization_scope(call.principal, call.tenant_id)
        found, total = organizations_with_services(call.work, scope, page)
        path = f"/csp/gateway/slc/api/v2/definitions/{service.id}/orgs"
        return pb2.ServiceOrgPage(
            results=[
                pb2.ServiceOrg(
                    name=one.name, display_name=one.display_name, metadata=one.metadata, org_id=one.id,
                    parent_org_id=one.parent_id,
                )
                for one in found
            ],
            total_results=total,
            **page_links(call, request, path, page, total),
        )  # fmt: skip


def _definition(service: Service) -> pb.ServiceDefinition:
    path, urls = definition_path(service.id), service.urls
    return pb.ServiceDefinition(
        id=service.id, name=service.name, display_name=service.display_name, description_long=service.description,
        is_gated=service.gated, visible=service.visible, is_beta=service.beta, organization_link=org_path(SYSTEM_ID),
        document_self_link=path, health_check_url=urls.get("healthCheck", ""), service_icon=urls.get("icon", ""),
        service_nav_bar_icon=urls.get("navBarIcon", ""),
        service_urls=pb.ServiceUrls(
            offer_configuration=urls.get("offerConfiguration", ""), service_home=urls.get("serviceHome", ""),
            request_access=urls.get("requestAccess", ""),
        ),
        service_roles=[
            pb.ServiceRole(id=role.id, name=role.name, display_name=role.display_name, service_definition_link=path)
            for role in service.roles
        ],
    )  # fmt: skip
