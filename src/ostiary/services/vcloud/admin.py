"""What administrators read in XML: the installation, and each user."""

from __future__ import annotations

import grpc
from google.api import httpbody_pb2

from ostiary.access.organization_scope import organization_scope
from ostiary.directory.query_records.users import user_record
from ostiary.directory.tenants.organizations import organizations_seen
from ostiary.directory.tenants.tenants import SYSTEM_NAME
from ostiary.errors import not_found
from ostiary.http.xml_text import element
from ostiary.runtime import Runtime
from ostiary.services.vcloud.documents import ADMIN, ADMIN_ORG, USER, document, reference, text, truth
from ostiary.transport.call import current_call
from ostiary_api.vcloud.v1 import admin_pb2 as pb
from ostiary_api.vcloud.v1 import admin_pb2_grpc


class AdminServicer(admin_pb2_grpc.AdminServiceServicer):
    """Describes the installation and its users."""

    def __init__(self, runtime: Runtime) -> None:
        self._api = f"{runtime.issuers.public_url}/api"
        self._clock = runtime.clock

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
