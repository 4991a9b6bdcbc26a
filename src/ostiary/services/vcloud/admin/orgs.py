"""The installation and its organizations in XML: read, made, changed and deleted."""

from __future__ import annotations

from dataclasses import replace

import grpc
from google.api import httpbody_pb2

from ostiary.access.organization_scope import organization_scope
from ostiary.access.policy import operates
from ostiary.directory.query_records.roles import role_records
from ostiary.directory.tasks.tasks import Target, get_task
from ostiary.directory.tenants.organization_changes import create_organization, delete_organization
from ostiary.directory.tenants.organizations import OrganizationScope, get_organization, organizations_seen
from ostiary.directory.tenants.tenants import SYSTEM_NAME
from ostiary.http.paging import Page
from ostiary.http.queries import ListQuery
from ostiary.http.xml_text import element
from ostiary.ids import guid
from ostiary.runtime import Runtime
from ostiary.services.cloudapi.orgs import change_asked, update_organization
from ostiary.services.cloudapi.tasks import Tasks, starter
from ostiary.services.vcloud.admin.org_documents import admin_org_document, read_changed_org, read_new_org
from ostiary.services.vcloud.documents import ADMIN, ADMIN_ORG, document, link, reference
from ostiary.services.vcloud.task_document import task_document
from ostiary.transport.call import Call, current_call
from ostiary_api.vcloud.v1 import admin_pb2 as pb

MOST_ROLES = 1_000
"""References to roles in the description of an organization."""


class AdminOrgs:
    """Operations on the installation and on organizations: the same as at cloudapi."""

    def __init__(self, runtime: Runtime, api: str) -> None:
        self._url = runtime.issuers.public_url
        self._api = api
        self._clock = runtime.clock
        self._entropy = runtime.entropy
        self._tasks = Tasks(runtime)

    def GetAdmin(self, request: pb.GetAdminRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        call = current_call()
        seen = organizations_seen(call.work, organization_scope(call.principal, call.tenant_id))
        orgs = [reference("OrganizationReference", ADMIN_ORG, f"{self._api}/org/{row.id}", row.name) for row in seen]
        adds = [link("add", f"{self._api}/admin/orgs", ADMIN_ORG)] if operates(call.principal) else []
        facts = {"href": f"{self._api}/admin/", "name": SYSTEM_NAME}
        return document("VCloud", ADMIN, facts, [*adds, element("OrganizationReferences", {}, *orgs)])

    def GetAdminOrg(self, request: pb.GetAdminOrgRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        return self._org(guid(request.id, "org"))

    def CreateAdminOrg(self, request: pb.CreateAdminOrgRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        call, asked, now_ms = current_call(), read_new_org(request.org), self._clock.now_ms()
        made = create_organization(call.work, asked.name, change_asked(asked), self._entropy, now_ms)
        call.audit_target = made.id
        call.created(f"{self._api}/admin/org/{made.id}")
        return self._org(made.id)

    def UpdateAdminOrg(self, request: pb.UpdateAdminOrgRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        call, org_id = current_call(), guid(request.id, "org")
        (row,) = get_organization(call.work, _scope(call), org_id).organizations
        update_organization(call, org_id, read_changed_org(request.org, row.display_name), self._clock.now_ms())
        return self._org(org_id)

    def DeleteAdminOrg(self, request: pb.DeleteAdminOrgRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        call, org_id, now_ms = current_call(), guid(request.id, "org"), self._clock.now_ms()
        recursive = request.recursive.lower() == "true"
        jobs = delete_organization(call.work, _scope(call), org_id, self._entropy, now_ms, recursive=recursive)
        call.audit_target = org_id
        task_id = self._tasks.began(call, Target("org", org_id), now_ms, jobs)
        return task_document(self._url, call, get_task(call.work, starter(call.principal), task_id, now_ms))

    def _org(self, org_id: str) -> httpbody_pb2.HttpBody:
        call = current_call()
        (row,) = get_organization(call.work, _scope(call), org_id).organizations
        query = ListQuery(Page(1, MOST_ROLES), "name", "", encoded=False, descending=False)
        roles, _ = role_records(call.work, org_id, query)
        return admin_org_document(self._api, row, roles)


def _scope(call: Call) -> OrganizationScope:
    """The organizations that the caller administers: owners not those below their own."""
    return replace(organization_scope(call.principal, call.tenant_id), children=False)
