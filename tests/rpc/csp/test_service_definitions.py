"""Service definitions in csp: who sees which, and the organizations that may use them."""

from __future__ import annotations

import grpc
import pytest
from kit.accounts.organization import Organization

from ostiary.store.tenancy import SYSTEM_ID

LIST, OF_ORG = "ServiceDefinitionService/ListServiceDefinitions", "ServiceDefinitionV2Service/ListServices"
ORGS = "ServiceDefinitionV2Service/ListServiceOrgs"
NOWHERE = "00000000-0000-4000-8000-000000000000"
PATH = "/csp/gateway/slc/api/definitions/external/{}"


def test_every_definition_is_listed_by_path_and_expanded_where_asked(org: Organization) -> None:
    service = org.service("catalog-of-listing")
    for who in (org.member, org.robot, org.operator):
        found = org.ask(LIST, who, orgLink=f"/csp/gateway/am/api/orgs/{org.id}")
        assert PATH.format(service.id) in found["serviceDefinitionLinks"]
        assert "results" not in found
    expanded = org.ask(LIST, org.member, expand="")["results"]
    (shown,) = [one for one in expanded if one["id"] == service.id]
    assert shown == {
        "id": service.id, "name": "catalog-of-listing", "displayName": "Catalog-Of-Listing", "visible": True,
        "descriptionLong": "It serves.", "serviceUrls": {"serviceHome": "https://service.example.com"},
        "documentSelfLink": PATH.format(service.id), "organizationLink": f"/csp/gateway/am/api/orgs/{SYSTEM_ID}",
        "serviceRoles": [
            {
                "id": role.id, "name": role.name, "displayName": role.display_name,
                "serviceDefinitionLink": PATH.format(service.id),
            }
            for role in service.roles
        ],
    }  # fmt: skip


def test_the_definitions_of_a_foreign_organization_are_those_of_none(org: Organization) -> None:
    other, seen = Organization(org.caller), set()
    for link in (f"/csp/gateway/am/api/orgs/{other.id}", f"/csp/gateway/am/api/orgs/{NOWHERE}", "x", other.id):
        with pytest.raises(grpc.RpcError) as refused:
            org.ask(LIST, org.member, orgLink=link)
        seen.add((refused.value.code(), refused.value.details()))
    assert seen == {(grpc.StatusCode.NOT_FOUND, "Not Found")}
    assert org.ask(LIST, org.operator, orgLink=f"/csp/gateway/am/api/orgs/{other.id}")


def test_an_organization_pages_through_every_service(org: Organization) -> None:
    for number in range(3):
        org.service(f"{org.name}-{number}")
    first = org.ask(OF_ORG, org.member, orgId=org.id, pageLimit=2, locale="de")
    total = first["totalResults"]
    assert (len(first["results"]), total >= 3) == (2, True)
    assert first["nextLink"] == f"/csp/gateway/slc/api/v2/orgs/{org.id}/services?pageStart=3&pageLimit=2"
    everything = org.ask(OF_ORG, org.member, orgId=org.id, pageLimit=128)["results"]
    assert [one["name"] for one in everything] == sorted(one["name"] for one in everything)
    last = org.ask(OF_ORG, org.member, orgId=org.id, pageStart=total, pageLimit=1)
    assert (last["results"], "nextLink" in last) == (everything[-1:], False)


def test_operators_see_every_organization_of_a_service_and_robots_their_own(org: Organization) -> None:
    service, other = org.service(), Organization(org.caller)
    (own,) = org.ask(ORGS, org.robot, serviceDefinitionId=service.id)["results"]
    assert (own["orgId"], own["name"], own["displayName"]) == (org.id, org.name, org.name)
    seen, start = set(), 1
    while start:
        page = org.ask(ORGS, org.operator, serviceDefinitionId=service.id, pageStart=start, pageLimit=128)
        seen |= {one["orgId"] for one in page["results"]}
        start = start + 128 if "nextLink" in page else 0
    assert seen >= {org.id, other.id, SYSTEM_ID}
    assert len(seen) == page["totalResults"]
    for unknown in (NOWHERE, service.name, ""):
        refused = org.refusal(ORGS, org.robot, serviceDefinitionId=unknown)
        assert refused == (grpc.StatusCode.NOT_FOUND, "SERVICE_DEFINITION_NOT_FOUND")
