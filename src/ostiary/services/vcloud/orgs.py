"""Organizations in XML."""

from __future__ import annotations

import grpc
from google.api import httpbody_pb2

from ostiary.access.organization_scope import organization_scope
from ostiary.directory.tenants.organizations import URN, get_organization, organizations_seen
from ostiary.runtime import Runtime
from ostiary.services.vcloud.documents import ORG, ORGS, RECORDS, document, link, reference, text
from ostiary.transport.call import current_call
from ostiary_api.vcloud.v1 import vcloud_orgs_pb2 as pb
from ostiary_api.vcloud.v1 import vcloud_orgs_pb2_grpc

NOT_HELD = ("orgVdc", "catalog")
"""Types of entities that the vendor's organizations hold, and ours do not."""


class OrgsServicer(vcloud_orgs_pb2_grpc.OrgsServiceServicer):
    """Lists organizations, and describes each."""

    def __init__(self, runtime: Runtime) -> None:
        self._api = f"{runtime.issuers.public_url}/api"

    def ListOrgs(self, request: pb.ListOrgsRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        call = current_call()
        seen = organizations_seen(call.work, organization_scope(call.principal, call.tenant_id))
        orgs = (reference("Org", ORG, f"{self._api}/org/{row.id}", row.name) for row in seen)
        return document("OrgList", ORGS, {"href": f"{self._api}/org/"}, orgs)

    def GetOrg(self, request: pb.GetOrgRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        call = current_call()
        scope = organization_scope(call.principal, call.tenant_id)
        (row,) = get_organization(call.work, scope, request.id).organizations
        # The vendor's command line refuses to go on where these links are missing, also where nothing is behind them.
        empty = [link("down", f"{self._api}/query?type={kind}&format=records", RECORDS, name=kind) for kind in NOT_HELD]
        facts = {"href": f"{self._api}/org/{row.id}", "name": row.name, "id": f"{URN}{row.id}"}
        told = [text("Description", row.description), text("FullName", row.display_name)]
        return document("Org", ORG, facts, [*empty, *told])
