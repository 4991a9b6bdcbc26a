"""What administrators read in XML, and delete: the installation, organizations, users and roles."""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree import ElementTree as ET

import grpc
from google.api import httpbody_pb2
from google.protobuf import empty_pb2

from ostiary.access.organization_scope import organization_scope
from ostiary.directory.query_records.roles import organization_of_role, role_records
from ostiary.directory.query_records.users import user_record
from ostiary.directory.roles.permissions import Permission
from ostiary.directory.roles.right_list import RIGHTS
from ostiary.directory.roles.role_list import get_role
from ostiary.directory.roles.role_rights import changeable_role
from ostiary.directory.roles.stored_roles import delete_stored_role
from ostiary.directory.tenants.organizations import URN, OrganizationScope, get_organization, organizations_seen
from ostiary.directory.tenants.tenants import SYSTEM_NAME
from ostiary.errors import not_found
from ostiary.http.paging import Page
from ostiary.http.queries import ListQuery
from ostiary.http.xml_text import element
from ostiary.oauth.sessions.access_revocation import remove_user_and_profile
from ostiary.runtime import Runtime
from ostiary.services.cloudapi.references import guid
from ostiary.services.vcloud.documents import (
    ADMIN,
    ADMIN_ORG,
    RIGHT,
    ROLE,
    USER,
    document,
    link,
    reference,
    text,
    truth,
)
from ostiary.transport.call import current_call
from ostiary_api.vcloud.v1 import admin_pb2 as pb
from ostiary_api.vcloud.v1 import admin_pb2_grpc

MOST_ROLES = 1_000
"""References to roles in the description of an organization."""


class AdminServicer(admin_pb2_grpc.AdminServiceServicer):
    """Describes the installation, its organizations, users and roles."""

    def __init__(self, runtime: Runtime) -> None:
        self._api = f"{runtime.issuers.public_url}/api"
        self._clock = runtime.clock
        self._giver = runtime.oauth.authentication.giver

    def GetAdmin(self, request: pb.GetAdminRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        call = current_call()
        seen = organizations_seen(call.work, organization_scope(call.principal, call.tenant_id))
        orgs = [reference("OrganizationReference", ADMIN_ORG, f"{self._api}/org/{row.id}", row.name) for row in seen]
        facts = {"href": f"{self._api}/admin/", "name": SYSTEM_NAME}
        return document("VCloud", ADMIN, facts, [element("OrganizationReferences", {}, *orgs)])

    def GetUser(self, request: pb.GetUserRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        call = current_call()
        scope = organization_scope(call.principal, call.tenant_id)
        user = user_record(call.work, None if scope.all else call.tenant_id, request.id, self._clock.now_ms())
        if user is None:
            raise not_found("USER_NOT_FOUND", "There is no such user.")
        facts = {
            "href": f"{self._api}/admin/user/{user.id}", "name": user.name, "id": f"urn:vcloud:user:{user.id}",
        }  # fmt: skip
        return document(
            "User", USER, facts,
            [text("FullName", user.full_name), text("IsEnabled", truth(user.enabled)),
             text("RoleNames", ",".join(user.roles))],
        )  # fmt: skip

    def DeleteUser(self, request: pb.DeleteUserRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        call, user_id = current_call(), guid(request.id, "user")
        remove_user_and_profile(call.work, call.tenant_id, user_id, self._clock.now_ms())
        call.audit_target = user_id
        return empty_pb2.Empty()

    def GetAdminOrg(self, request: pb.GetAdminOrgRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        call = current_call()
        (row,) = get_organization(call.work, OrganizationScope(call.tenant_id), call.tenant_id).organizations
        query = ListQuery(Page(1, MOST_ROLES), "name", "", encoded=False, descending=False)
        roles, _ = role_records(call.work, call.tenant_id, query)
        named = [reference("RoleReference", ROLE, f"{self._api}/admin/role/{role.id}", role.name) for role in roles]
        return document(
            "AdminOrg", ADMIN_ORG,
            {"href": f"{self._api}/admin/org/{row.id}", "name": row.name, "id": f"{URN}{row.id}"},
            [link("alternate", f"{self._api}/org/{row.id}"), text("Description", row.description),
             text("FullName", row.display_name), text("IsEnabled", truth(call.required_tenant.enabled)),
             self._rights(Permission), element("RoleReferences", {}, *named)],
        )  # fmt: skip

    def GetRole(self, request: pb.GetRoleRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        call, role_id = current_call(), guid(request.id, "role")
        scope = organization_scope(call.principal, call.tenant_id)
        tenant_id = organization_of_role(call.work, role_id) if scope.all else call.tenant_id
        role = get_role(call.work, tenant_id or call.tenant_id, role_id)
        facts = {"href": f"{self._api}/admin/role/{role.id}", "name": role.name, "id": f"urn:vcloud:role:{role.id}"}
        told = [text("Description", role.description), self._rights(role.permissions)]
        return document("Role", ROLE, facts, told)

    def DeleteRole(self, request: pb.DeleteRoleRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        call, role_id = current_call(), guid(request.id, "role")
        changeable_role(call.work, call.tenant_id, role_id)
        delete_stored_role(call.work, call.tenant_id, role_id, self._giver(call.principal, call.tenant_id))
        call.audit_target = role_id
        return empty_pb2.Empty()

    def _rights(self, among: Iterable[Permission]) -> ET.Element:
        held = [right for right in RIGHTS.values() if right.permission in set(among)]
        named = [
            reference("RightReference", RIGHT, f"{self._api}/admin/right/{right.id}", right.permission.value)
            for right in sorted(held, key=lambda right: right.permission.value)
        ]
        return element("RightReferences", {}, *named)
