"""Organizations in cloudapi."""

from __future__ import annotations

from typing import Any

import grpc
from sqlalchemy import Row

from ostiary.access.organization_scope import organization_scope
from ostiary.directory.tenants.organizations import URN, Listing, list_organizations
from ostiary.directory.tenants.tenants import SYSTEM_NAME
from ostiary.runtime import Runtime
from ostiary.services.cloudapi.paging import number_of, page_links, sorting_of
from ostiary.store.tenancy import SYSTEM_ID
from ostiary.transport.call import current_call
from ostiary_api.cloudapi.v1 import entity_pb2, orgs_pb2_grpc
from ostiary_api.cloudapi.v1 import orgs_pb2 as pb


class OrgsServicer(orgs_pb2_grpc.OrgsServiceServicer):
    """Lists organizations."""

    def __init__(self, runtime: Runtime) -> None:
        self._url = f"{runtime.issuers.public_url}/cloudapi/1.0.0/orgs"

    def ListOrgs(self, request: pb.ListOrgsRequest, context: grpc.ServicerContext) -> pb.Orgs:
        call = current_call()
        page, order = call.page(request), sorting_of(request, "name")
        found = list_organizations(
            call.work,
            organization_scope(call.principal, call.tenant_id),
            request.filter,
            encoded=request.filter_encoded,
            sort=order.by,
            descending=order.descending,
            offset=page.offset,
            limit=page.size,
        )
        call.headers += page_links(self._url, "Orgs", request, page, found.total)
        return pb.Orgs(
            result_total=found.total,
            page_count=page.pages(found.total),
            page=number_of(page),
            page_size=page.size,
            values=[_org(row, found) for row in found.organizations],
        )


def _org(row: Row[Any], found: Listing) -> pb.Org:
    is_system = row.id == SYSTEM_ID
    parent = (found.names[row.parent_id], row.parent_id) if row.parent_id else (SYSTEM_NAME, SYSTEM_ID)
    return pb.Org(
        id=f"{URN}{row.id}", name=row.name, display_name=row.display_name, description=row.description,
        is_enabled=row.state == "enabled", user_count=found.users.get(row.id, 0), can_manage_orgs=is_system,
        managed_by=None if is_system else entity_pb2.EntityReference(name=parent[0], id=f"{URN}{parent[1]}"),
        directly_managed_org_count=found.children.get(row.id, 0), is_classic_tenant=not is_system,
    )  # fmt: skip
