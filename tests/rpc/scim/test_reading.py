"""Users in SCIM over native gRPC: found, read page by page, and the same people in every other dialect."""

from __future__ import annotations

import json
from typing import Any

import pytest
from kit.accounts.people import PASSWORD, Made, new_person
from kit.callers import Caller, bearer
from kit.scim import CODES, ENTERPRISE, create, find, get, in_context, refusal
from kit.servers.installation import ENTROPY

from ostiary.directory.users.contacts import Contact
from ostiary.directory.users.input import NewUser
from ostiary.directory.users.users import create_user
from ostiary.store.tables import Group, GroupMember
from ostiary_api.cloudapi.v1 import orgs_pb2
from ostiary_api.cloudapi.v1.orgs_pb2_grpc import OrgsServiceStub
from ostiary_api.csp.v1 import login_pb2, organization_users_pb2
from ostiary_api.csp.v1.login_pb2_grpc import LoginServiceStub
from ostiary_api.csp.v1.organization_users_pb2_grpc import OrganizationUsersServiceStub
from ostiary_api.oidc.v1 import provider_pb2
from ostiary_api.oidc.v1.provider_pb2_grpc import ProviderServiceStub
from ostiary_api.scim.v2 import scim_users_pb2 as pb
from ostiary_api.scim.v2 import service_provider_config_pb2
from ostiary_api.scim.v2.scim_users_pb2_grpc import UsersServiceStub
from ostiary_api.scim.v2.service_provider_config_pb2_grpc import ServiceProviderConfigServiceStub

FULL: dict[str, Any] = {
    "userName": "Ann.Öther", "displayName": "Ann", "nickName": "A", "title": "Dr", "locale": "de-DE",
    "preferredLanguage": "de", "timezone": "Europe/Berlin", "active": True, "externalId": "hr-1",
    "name": {"givenName": "Ann", "familyName": "Other", "middleName": "B", "honorificPrefix": "Dr"},
    "emails": [
        {"value": "ann@work.example", "type": "work", "primary": True}, {"value": "ann@home.local", "type": "home"},
    ],
    "phoneNumbers": [{"value": "+49 30 123", "type": "mobile"}],
    ENTERPRISE: {"employeeNumber": "7", "department": "R&D"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("request_fields", "scim_type"),
    [
        ({"sort_by": "colour"}, "invalidPath"), ({"sort_by": "password"}, "invalidPath"),
        ({"sort_by": "addresses"}, "invalidPath"), ({"sort_order": "sideways"}, "invalidValue"),
        ({"attributes": "userName", "excluded_attributes": "id"}, None), ({"attributes": "no such"}, None),
    ],
)  # fmt: skip
def test_bad_questions_are_refused(
    shared_caller: Caller, shared_owner: Made, request_fields: dict[str, Any], scim_type: str | None
) -> None:
    code, _, given = refusal(find, shared_caller, shared_owner.call, **request_fields)
    assert code is CODES.INVALID_ARGUMENT
    assert given == scim_type or scim_type is None


def test_pages_begin_at_one_and_count_zero_only_counts(caller: Caller, owner: Made) -> None:
    for number in range(4):
        create(caller, owner.call, userName=f"user{number}")
    seen = []
    for start in (1, 3, 5):
        page = find(caller, owner.call, start_index=start, count=2)
        assert (page["totalResults"], page["startIndex"]) == (5, start)
        seen += [user["userName"] for user in page["Resources"]]
    assert seen == ["owner", "user0", "user1", "user2", "user3"]
    counted = find(caller, owner.call, count=0)
    assert (counted["totalResults"], counted["itemsPerPage"], counted["Resources"]) == (5, 0, [])
    assert find(caller, owner.call, start_index=-7, count=-1)["startIndex"] == 1
    down = find(caller, owner.call, sort_by="meta.created", sort_order="descending", count=1)
    assert down["Resources"][0]["id"] == max(user["id"] for user in find(caller, owner.call)["Resources"])


def test_only_the_chosen_attributes_come_back(caller: Caller, owner: Made) -> None:
    create(caller, owner.call, **FULL)
    (few,) = find(caller, owner.call, filter='userName eq "ann.öther"', attributes="userName,name.givenName")[
        "Resources"
    ]
    assert few.keys() == {"schemas", "id", "userName", "name"}
    assert few["name"] == {"givenName": "Ann"}
    (most,) = find(caller, owner.call, filter='userName eq "ann.öther"', excluded_attributes="emails,name")["Resources"]
    assert not {"emails", "name"} & most.keys()
    assert most["title"] == "Dr"


def test_a_version_that_is_known_already_is_not_sent_again(caller: Caller, owner: Made) -> None:
    stub, request = UsersServiceStub(caller.channel), pb.GetUserRequest(id=owner.id)
    answer, call = stub.GetUser.with_call(request, **owner.call)
    tag = dict(call.initial_metadata())["etag"]
    again = stub.GetUser(request, metadata=(*owner.call["metadata"], ("if-none-match", f'W/"7", {tag}')), timeout=20)
    assert answer.data
    assert not again.data


def test_operators_must_name_the_organization(caller: Caller, owner: Made) -> None:
    operator = caller.as_role("operator")
    assert refusal(find, caller, operator)[:2] == (CODES.INVALID_ARGUMENT, "TENANT_CONTEXT_MISSING")
    assert refusal(create, caller, operator, userName="x")[1] == "TENANT_CONTEXT_MISSING"
    made = create(caller, in_context(operator, owner.tenant_id), userName="made by the operator")
    assert get(caller, owner.call, made["id"])["userName"] == "made by the operator"


def test_people_of_another_organization_look_like_nobody(caller: Caller, owner: Made) -> None:
    foreign = new_person(caller.installation, caller.installation.new_tenant("other"), "ann", "org_owner")
    seen = {refusal(get, caller, owner.call, name) for name in (foreign.id, "nonsense", "", "urn:vcloud:user:x")}
    assert seen == {(CODES.NOT_FOUND, "USER_NOT_FOUND", "")}
    assert find(caller, owner.call, filter=f'id eq "{foreign.id}"')["totalResults"] == 0
    assert refusal(get, caller, owner.call, "x\0")[0] is CODES.INVALID_ARGUMENT


def test_groups_show_also_when_they_nest_in_a_circle(caller: Caller, owner: Made) -> None:
    now_ms = caller.installation.clock.now_ms()
    with caller.installation.runtime.store.write() as work:
        for name in ("inner", "outer"):
            work.add(Group(id=name, tenant_id=owner.tenant_id, display_name=name.title(), display_name_key=name,
                           created_at=now_ms, modified_at=now_ms))  # fmt: skip
        memberships = (("inner", owner.id, "User"), ("outer", "inner", "Group"), ("inner", "outer", "Group"))
        for group, member, kind in memberships:
            work.add(GroupMember(tenant_id=owner.tenant_id, group_id=group, member_id=member, member_type=kind))
    groups = get(caller, owner.call, owner.id)["groups"]
    assert [(group["value"], group["type"]) for group in groups] == [("inner", "direct"), ("outer", "indirect")]
    info = ProviderServiceStub(caller.channel).GetUserInfo(provider_pb2.GetUserInfoRequest(), **owner.call)
    assert list(info.groups) == ["Inner", "Outer"]


def test_what_another_dialect_stored_and_scim_would_refuse_hides_nobody(caller: Caller, owner: Made) -> None:
    new = NewUser(user_name="odd", further={"photos": "none", "title": "Dr", "x509Certificates": [{"value": 7}]},
                  emails=(Contact("odd@corp.local"),))  # fmt: skip
    with caller.installation.runtime.store.write() as work:
        create_user(work, owner.tenant_id, new, None, ENTROPY, caller.installation.clock.now_ms())
    (found,) = find(caller, owner.call, filter='userName eq "odd"')["Resources"]
    assert (found["title"], found["emails"][0]["value"]) == ("Dr", "odd@corp.local")
    assert "photos" not in found


@pytest.mark.own_installation
def test_a_user_made_by_scim_is_at_once_there_in_every_other_dialect(caller: Caller, owner: Made) -> None:
    made = create(caller, owner.call, userName="ann", password=PASSWORD, emails=[{"value": "ann@example.com"}])
    who = login_pb2.Credentials(username="ann@example.com", password=PASSWORD)
    token = LoginServiceStub(caller.channel).Login(login_pb2.LoginRequest(credentials=who), timeout=20).csp_auth_token
    listed = OrganizationUsersServiceStub(caller.channel).ListUsersV2(
        organization_users_pb2.ListUsersV2Request(org_id=owner.tenant_id, expand_profile="", page_limit=1),
        **bearer(token),
    )
    assert [(one.user.user_id, one.organization_roles[0].name) for one in listed.results] == [
        (made["id"], "org_member")
    ]
    assert listed.results[0].user.HasField("user_profile")
    assert (listed.total_results, listed.HasField("next_link"), listed.HasField("prev_link")) == (2, True, False)
    info = ProviderServiceStub(caller.channel).GetUserInfo(provider_pb2.GetUserInfoRequest(), **bearer(token))
    assert (info.sub, info.email, info.email_verified, list(info.roles)) == (
        made["id"], "ann@example.com", True, ["org_member"],
    )  # fmt: skip
    (org,) = OrgsServiceStub(caller.channel).ListOrgs(orgs_pb2.ListOrgsRequest(), **bearer(token)).values
    assert (org.name, org.user_count) == ("acme", 2)


def test_a_user_of_the_directory_without_a_role_sees_itself_and_nobody_else(caller: Caller, owner: Made) -> None:
    ann = new_person(caller.installation, owner.tenant_id, "ann")
    info = ProviderServiceStub(caller.channel).GetUserInfo(provider_pb2.GetUserInfoRequest(), **ann.call)
    assert (info.preferred_username, list(info.roles)) == ("ann", [])
    assert refusal(find, caller, ann.call)[:2] == (CODES.PERMISSION_DENIED, "FORBIDDEN")


@pytest.mark.parametrize("page", [{"page_start": 0}, {"page_limit": 0}, {"page_limit": 129}, {"page_start": -1}])
def test_csp_refuses_pages_out_of_range(shared_caller: Caller, shared_owner: Made, page: dict[str, int]) -> None:
    stub = OrganizationUsersServiceStub(shared_caller.channel)
    request = organization_users_pb2.ListUsersV2Request(org_id=shared_owner.tenant_id, **page)
    asked = refusal(stub.ListUsersV2, request, **shared_owner.call)
    assert asked[:2] == (CODES.INVALID_ARGUMENT, "PAGE_OUT_OF_RANGE")


def test_csp_links_lead_through_all_pages(caller: Caller, owner: Made) -> None:
    for number in range(4):
        create(caller, owner.call, userName=f"user{number}")
    stub, start, seen, links = OrganizationUsersServiceStub(caller.channel), 1, [], []
    for _ in range(3):
        request = organization_users_pb2.ListUsersV2Request(
            org_id=owner.tenant_id, page_start=start, page_limit=2, include_group_ids_in_roles="1"
        )
        page = stub.ListUsersV2(request, **owner.call)
        seen += [one.user.username for one in page.results]
        links.append((page.next_link, page.prev_link))
        start += 2
    assert seen == ["owner", "user0", "user1", "user2", "user3"]
    path = f"/csp/gateway/am/api/v2/orgs/{owner.tenant_id}/users?pageStart"
    flags = "pageLimit=2&includeGroupIdsInRoles=true"
    assert links[1] == (f"{path}=5&{flags}", f"{path}=1&{flags}")
    assert links[2][0] == ""


def test_the_service_says_what_it_can_do(caller: Caller) -> None:
    answer = ServiceProviderConfigServiceStub(caller.channel).GetServiceProviderConfig(
        service_provider_config_pb2.GetServiceProviderConfigRequest(), timeout=20
    )
    config = json.loads(answer.data)
    supported = {name: config[name]["supported"] for name in config if "supported" in config[name]}
    assert supported == {
        "patch": True, "bulk": True, "filter": True, "changePassword": True, "sort": True, "etag": True,
    }  # fmt: skip
