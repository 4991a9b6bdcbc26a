"""Organizations of cloudapi over native gRPC: who sees which, filter, sort, pages."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from kit.callers import Caller
from kit.servers.installation import ENTROPY

from ostiary.directory.tenants.tenants import create_tenant, set_tenant_state
from ostiary.store.tenancy import SYSTEM_ID
from ostiary_api.cloudapi.v1 import orgs_pb2 as pb
from ostiary_api.cloudapi.v1.orgs_pb2_grpc import OrgsServiceStub

# They name tenants, or count what an installation has.
pytestmark = pytest.mark.own_installation


@pytest.fixture
def stub(caller: Caller) -> OrgsServiceStub:
    return OrgsServiceStub(caller.channel)


def make(caller: Caller, *names: str, parent_id: str | None = None, **facts: Any) -> list[str]:
    now_ms = caller.installation.clock.now_ms()
    with caller.installation.runtime.store.write() as work:
        return [create_tenant(work, name, ENTROPY, now_ms, parent_id=parent_id, **facts).id for name in names]


def with_header(call: dict[str, Any], *headers: tuple[str, str]) -> dict[str, Any]:
    return {**call, "metadata": (*call["metadata"], *headers)}


def names(stub: OrgsServiceStub, call: dict[str, Any], **request: Any) -> list[str]:
    return [org.name for org in stub.ListOrgs(pb.ListOrgsRequest(**request), **call).values]


@pytest.fixture(scope="module")
def filled(shared_caller: Caller) -> Caller:
    """An installation with some organizations, which no test changes."""
    make(shared_caller, "alpha", "Alpine", "Gam_ma")
    make(shared_caller, "beta", display_name="Großer Ärger 100%")
    (shut,) = make(shared_caller, "shut")
    with shared_caller.installation.runtime.store.write() as work:
        set_tenant_state(work, shut, "disabled", shared_caller.installation.clock.now_ms())
    return shared_caller


def test_operators_see_all_and_others_their_own(caller: Caller, stub: OrgsServiceStub) -> None:
    make(caller, "other")
    assert names(stub, caller.as_role("operator")) == ["acme", "other", "System"]
    assert names(stub, caller.as_role("reader")) == ["acme"]


def test_an_owner_also_sees_what_stands_under_its_organization(caller: Caller, stub: OrgsServiceStub) -> None:
    make(caller, "below", parent_id=caller.installation.tenant_id)
    make(caller, "user_context")
    seen = stub.ListOrgs(pb.ListOrgsRequest(), **caller.as_role("manager"))
    assert [(org.name, org.managed_by.name, org.directly_managed_org_count) for org in seen.values] == [
        ("acme", "System", 1), ("below", "acme", 0),
    ]  # fmt: skip
    assert names(stub, caller.as_role("reader")) == ["acme"]


def test_an_operator_picks_an_organization_by_header(caller: Caller, stub: OrgsServiceStub) -> None:
    other, operator = make(caller, "other")[0], caller.as_role("operator")
    for value in (other, f"urn:vcloud:org:{other}"):
        assert names(stub, with_header(operator, ("x-vmware-vcloud-tenant-context", value))) == ["other"]


def test_the_header_of_somebody_elses_organization_looks_like_an_unknown_one(
    caller: Caller, stub: OrgsServiceStub
) -> None:
    seen = []
    for value in (make(caller, "other")[0], "00000000-0000-4000-8000-000000000000", "nonsense", SYSTEM_ID):
        call = with_header(caller.as_role("manager"), ("x-vmware-vcloud-tenant-context", value))
        with pytest.raises(grpc.RpcError) as refused:
            stub.ListOrgs(pb.ListOrgsRequest(), **call)
        seen.append((refused.value.code(), refused.value.details()))
    assert set(seen) == {seen[0]}
    assert seen[0][0] is grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ("name==alpha", ["alpha"]),
        ("name==ALPHA", ["alpha"]),
        ("name==al*", ["Alpine", "alpha"]),
        ("name==*a", ["alpha", "beta", "Gam_ma"]),
        ("name==*_*", ["Gam_ma"]),
        ("name==a%", []),
        ("displayName==*ärger*", ["beta"]),
        ("displayName==*ÄRGER*", ["beta"]),
        ("name!=al*;isEnabled==true;name!=System;name!=acme", ["beta", "Gam_ma"]),
        ("(name==alpha,(name==beta;isEnabled==true)),name==nobody", ["alpha", "beta"]),
        ("name==alpha,name==beta;isEnabled==false", ["alpha"]),
        ("isEnabled==false", ["shut"]),
        ("name==", []),
    ],
)
def test_a_filter_selects(filled: Caller, filter: str, expected: list[str]) -> None:
    found = names(OrgsServiceStub(filled.channel), filled.as_role("operator"), filter=filter)
    assert sorted(found) == sorted(expected)


def test_values_may_be_encoded_once_more(caller: Caller, stub: OrgsServiceStub) -> None:
    make(caller, "beta", display_name="a;b,(c)*")
    operator = caller.as_role("operator")
    assert names(stub, operator, filter="displayName==a%3Bb%2C%28c%29%2A", filter_encoded=True) == ["beta"]
    assert names(stub, operator, filter="displayName==a%3Bb%2C%28c%29%2A") == []


@pytest.mark.parametrize(
    "request_fields",
    [
        {"filter": "name"}, {"filter": "name="}, {"filter": "==x"}, {"filter": "(name==x"}, {"filter": "name==x)"},
        {"filter": "name==x;"}, {"filter": ",name==x"}, {"filter": "colour==red"}, {"filter": "isEnabled==maybe"},
        {"filter": "(" * 40 + "name==x" + ")" * 40}, {"filter": "name==" + "x" * 3000}, {"filter": "isEnabled=gt=true"},
        {"filter": "name=gt=a*"}, {"filter": ",".join(["name==a"] * 51)},
        {"page": 0}, {"page": -1}, {"page_size": 129}, {"page_size": -1}, {"page": 2_000_000_000},
        {"sort_asc": "colour"}, {"sort_asc": "name", "sort_desc": "name"}, {"filter": "name==a\0b"},
    ],
)  # fmt: skip
def test_bad_input_is_refused_with_a_reason(filled: Caller, request_fields: dict[str, Any]) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        OrgsServiceStub(filled.channel).ListOrgs(pb.ListOrgsRequest(**request_fields), **filled.as_role("operator"))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert refused.value.details()


def test_pages_follow_one_another_and_the_link_header_names_them(caller: Caller, stub: OrgsServiceStub) -> None:
    make(caller, *(f"org{number}" for number in range(5)))
    operator, seen = caller.as_role("operator"), []
    for page in (1, 2, 3, 4):
        request = pb.ListOrgsRequest(page=page, page_size=2, sort_desc="name", filter="name!=nobody")
        answer, call = stub.ListOrgs.with_call(request, **operator)
        seen += [org.name for org in answer.values]
        links = dict(call.initial_metadata())["link"]
        assert ('rel="nextPage"' in links) == (page < 4)
        assert (answer.result_total, answer.page_count, answer.page_size) == (7, 4, 2)
        if page < 4:
            assert f"page={page + 1}&pageSize=2&filter=name%21%3Dnobody&sortDesc=name>" in links
    assert seen == ["System", "org4", "org3", "org2", "org1", "org0", "acme"]
    empty = stub.ListOrgs(pb.ListOrgsRequest(page_size=0), **operator)
    assert (empty.result_total, len(empty.values)) == (7, 0)


@pytest.mark.parametrize(("accept", "taken"), [("application/json;version=37.0", True), ("a/b;version=12.0", False)])
def test_a_version_that_is_not_offered_is_refused(
    caller: Caller, stub: OrgsServiceStub, accept: str, taken: bool
) -> None:
    call = with_header(caller.as_role("reader"), ("accept", accept))
    if taken:
        assert names(stub, call) == ["acme"]
        return
    with pytest.raises(grpc.RpcError) as refused:
        stub.ListOrgs(pb.ListOrgsRequest(), **call)
    assert "36.0" in refused.value.details()
