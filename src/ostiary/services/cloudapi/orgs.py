"""Organizations in cloudapi."""

from __future__ import annotations

import json
from typing import Any

import grpc
from google.protobuf import empty_pb2
from sqlalchemy import Row

from ostiary.access.organization_scope import organization_scope
from ostiary.access.policy import permissions_on
from ostiary.directory.roles.permissions import Permission, role_too_small
from ostiary.directory.tasks.tasks import Target
from ostiary.directory.tenants.organization_changes import (
    OrganizationChange,
    change_organization,
    create_organization,
    delete_organization,
)
from ostiary.directory.tenants.organizations import (
    CLASSIC,
    Listing,
    OrganizationScope,
    get_organization,
    list_organizations,
)
from ostiary.directory.tenants.tenants import SYSTEM_NAME
from ostiary.ids import guid
from ostiary.runtime import Runtime
from ostiary.services.cloudapi.paging import asked_list, paged
from ostiary.services.cloudapi.references import reference
from ostiary.services.cloudapi.tasks import Tasks
from ostiary.store.tenancy import SYSTEM_ID
from ostiary.transport.call import Call, current_call
from ostiary_api.cloudapi.v1 import orgs_pb2 as pb
from ostiary_api.cloudapi.v1 import orgs_pb2_grpc


class OrgsServicer(orgs_pb2_grpc.OrgsServiceServicer):
    """Organizations: listed, made, changed and deleted."""

    def __init__(self, runtime: Runtime) -> None:
        self._url = f"{runtime.issuers.public_url}/cloudapi/1.0.0/orgs"
        self._clock = runtime.clock
        self._entropy = runtime.entropy
        self._tasks = Tasks(runtime)

    def ListOrgs(self, request: pb.ListOrgsRequest, context: grpc.ServicerContext) -> pb.Orgs:
        call = current_call()
        found = list_organizations(call.work, _scope(call), request.filter, **asked_list(request, "name"))
        values = [_org(row, found) for row in found.organizations]
        return pb.Orgs(**paged(self._url, "Orgs", request, found.total), values=values)

    def CreateOrg(self, request: pb.CreateOrgRequest, context: grpc.ServicerContext) -> pb.Org:
        call, asked = current_call(), request.org
        made = create_organization(call.work, asked.name, change_asked(asked), self._entropy, self._clock.now_ms())
        call.audit_target = made.id
        call.headers.append(("content-location", f"{self._url}/urn:vcloud:org:{made.id}"))
        return _shown(call, OrganizationScope(made.id), made.id)

    def GetOrg(self, request: pb.GetOrgRequest, context: grpc.ServicerContext) -> pb.Org:
        call = current_call()
        return _shown(call, _scope(call), guid(request.id, "org"))

    def UpdateOrg(self, request: pb.UpdateOrgRequest, context: grpc.ServicerContext) -> pb.Org:
        call, org_id = current_call(), guid(request.id, "org")
        update_organization(call, org_id, request.org, self._clock.now_ms())
        return _shown(call, _scope(call), org_id)

    def DeleteOrg(self, request: pb.DeleteOrgRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        call, org_id = current_call(), guid(request.id, "org")
        now_ms = self._clock.now_ms()
        jobs = delete_organization(
            call.work, _scope(call), org_id, self._entropy, now_ms, recursive=request.recursive
        )  # fmt: skip
        call.audit_target = org_id
        self._tasks.began(call, Target("org", org_id), now_ms, jobs)
        return empty_pb2.Empty()


def update_organization(call: Call, org_id: str, asked: pb.Org, now_ms: int) -> None:
    """Changes an organization that the caller sees: operators all of it, owners the display name of their own. Raises
    FORBIDDEN, ORG_NOT_FOUND, and what the directory raises."""
    is_operator = Permission.PLATFORM_OPERATE in permissions_on(call.principal, call.tenant_id)

    def accept(change: OrganizationChange) -> None:
        display_name_only = change == OrganizationChange(change.display_name)
        if not is_operator and not (org_id == call.tenant_id and display_name_only):
            raise role_too_small()

    change_organization(call.work, _scope(call), org_id, change_asked(asked), accept, now_ms)
    call.audit_target = org_id


def change_asked(asked: pb.Org) -> OrganizationChange:
    """The change that a request asks for; what it leaves out stays."""
    return OrganizationChange(
        asked.display_name if asked.HasField("display_name") else None,
        asked.name if asked.HasField("name") else None,
        asked.description if asked.HasField("description") else None,
        asked.is_enabled if asked.HasField("is_enabled") else None,
        asked.is_classic_tenant if asked.HasField("is_classic_tenant") else None,
    )


def _scope(call: Call) -> OrganizationScope:
    return organization_scope(call.principal, call.tenant_id)


def _shown(call: Call, scope: OrganizationScope, org_id: str) -> pb.Org:
    found = get_organization(call.work, scope, org_id)
    return _org(found.organizations[0], found)


def _org(row: Row[Any], found: Listing) -> pb.Org:
    is_system = row.id == SYSTEM_ID
    parent = (row.parent_id, found.names[row.parent_id]) if row.parent_id else (SYSTEM_ID, SYSTEM_NAME)
    return pb.Org(
        id=f"urn:vcloud:org:{row.id}", name=row.name, display_name=row.display_name, description=row.description,
        is_enabled=row.state == "enabled", user_count=found.users.get(row.id, 0), can_manage_orgs=is_system,
        managed_by=None if is_system else reference("org", *parent),
        directly_managed_org_count=found.children.get(row.id, 0),
        is_classic_tenant=not is_system and json.loads(row.properties).get(CLASSIC) != "false",
    )  # fmt: skip
