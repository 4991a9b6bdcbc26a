"""Organizations of CSP over native gRPC, and the platform's metadata at the root."""

from __future__ import annotations

from urllib.parse import quote

import grpc
import pytest
from kit.callers import Caller

from ostiary_api.csp.v1 import openid_configuration_pb2, organization_pb2
from ostiary_api.csp.v1 import organization_pb2 as pb
from ostiary_api.csp.v1.openid_configuration_pb2_grpc import OpenidConfigurationServiceStub
from ostiary_api.csp.v1.organization_pb2_grpc import OrganizationServiceStub


@pytest.fixture
def stub(caller: Caller) -> OrganizationServiceStub:
    return OrganizationServiceStub(caller.channel)


def rename(stub: OrganizationServiceStub, caller: Caller, role: str, **organization: str) -> organization_pb2.RefLink:
    request = pb.UpdateOrganizationRequest(
        org_id=caller.installation.tenant_id, organization=pb.OrganizationUpdate(**organization)
    )
    return stub.UpdateOrganization(request, **caller.as_role(role))


@pytest.mark.own_installation
def test_an_organization_is_renamed_and_says_what_replaces_the_operation(
    caller: Caller, stub: OrganizationServiceStub
) -> None:
    org_id = caller.installation.tenant_id
    path = f"/csp/gateway/am/api/orgs/{org_id}"
    assert rename(stub, caller, "manager", display_name="Acme & Söhne").ref_link == path
    answer, call = stub.GetOrganization.with_call(pb.GetOrganizationRequest(org_id=org_id), **caller.as_role("reader"))
    assert (answer.id, answer.name, answer.display_name, answer.ref_link) == (org_id, "acme", "Acme & Söhne", path)
    assert not answer.HasField("parent_ref_link")
    headers = dict(call.initial_metadata())
    assert headers["link"] == '</cloudapi/1.0.0/orgs>; rel="successor-version"'
    assert headers["deprecation"].startswith("@")


@pytest.mark.parametrize("display_name", ["", "  ", "x" * 201, "<b>bold</b>", "two\nlines", "nul\0", 'quo"te'])
def test_a_bad_display_name_changes_nothing(shared_caller: Caller, display_name: str) -> None:
    caller, stub = shared_caller, OrganizationServiceStub(shared_caller.channel)
    with pytest.raises(grpc.RpcError) as refused:
        rename(stub, caller, "manager", display_name=display_name)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    request = pb.GetOrganizationRequest(org_id=caller.installation.tenant_id)
    assert stub.GetOrganization(request, **caller.as_role("reader")).display_name == "acme"


def test_a_change_without_a_display_name_says_what_is_missing(caller: Caller, stub: OrganizationServiceStub) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        rename(stub, caller, "manager")
    assert "displayName" in refused.value.details()


def test_a_member_does_not_rename(caller: Caller, stub: OrganizationServiceStub) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        rename(stub, caller, "writer", display_name="Mine")
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED


def test_another_organization_looks_like_an_unknown_one(caller: Caller, stub: OrganizationServiceStub) -> None:
    seen = set()
    for org_id in (caller.installation.new_tenant("other"), "00000000-0000-4000-8000-000000000000", "", "x\0y"):
        with pytest.raises(grpc.RpcError) as refused:
            stub.GetOrganization(pb.GetOrganizationRequest(org_id=org_id), **caller.as_role("manager"))
        seen.add((refused.value.code(), refused.value.details()))
    assert seen == {(grpc.StatusCode.NOT_FOUND, "Not Found")}


def test_the_root_names_its_own_issuer(caller: Caller) -> None:
    url = caller.installation.runtime.issuers.public_url
    request = openid_configuration_pb2.GetConfigurationRequest()
    found = OpenidConfigurationServiceStub(caller.channel).GetConfiguration(request, timeout=20)
    assert (found.issuer, found.jwks_uri) == (url, f"{url}/csp/gateway/am/api/auth/keys")
    assert found.authorization_endpoint == f"{url}/oidc/oauth2/authorize?issuer={quote(url, safe='')}"
