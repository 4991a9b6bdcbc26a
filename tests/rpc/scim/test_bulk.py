"""Bulk requests, searches by POST and /Me in SCIM over native gRPC."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.api import httpbody_pb2
from kit.accounts.people import PASSWORD, Made, new_person
from kit.audited import audited
from kit.callers import Caller
from kit.scim import CODES, ENTERPRISE, GROUP, PATCH, USER, GroupClient, create, find, get, refusal

from ostiary_api.scim.v2 import scim_groups_pb2, scim_me_pb2, scim_resources_pb2, scim_users_pb2
from ostiary_api.scim.v2.scim_groups_pb2_grpc import GroupsServiceStub
from ostiary_api.scim.v2.scim_me_pb2_grpc import MeServiceStub
from ostiary_api.scim.v2.scim_resources_pb2_grpc import ResourcesServiceStub
from ostiary_api.scim.v2.scim_users_pb2_grpc import UsersServiceStub

BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
SEARCH = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"


def body(document: Any) -> httpbody_pb2.HttpBody:
    """A body of SCIM JSON."""
    return httpbody_pb2.HttpBody(content_type="application/scim+json", data=json.dumps(document).encode())


def bulk(caller: Caller, call: dict[str, Any], *operations: Any, **members: Any) -> list[dict[str, Any]]:
    """What became of each operation."""
    said = body({"schemas": [BULK], "Operations": operations, **members})
    answer = ResourcesServiceStub(caller.channel).ExecuteBulk(
        scim_resources_pb2.ExecuteBulkRequest(bulk=said), **call
    )  # fmt: skip
    document = json.loads(answer.data)
    assert document["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:BulkResponse"]
    results: list[dict[str, Any]] = document["Operations"]
    return results


def user(bulk_id: str, **attributes: Any) -> dict[str, Any]:
    """An operation that makes a user."""
    data = {"schemas": [USER, ENTERPRISE], "userName": bulk_id, **attributes}
    return {"method": "POST", "path": "/Users", "bulkId": bulk_id, "data": data}


def group(bulk_id: str, *members: str) -> dict[str, Any]:
    """An operation that makes a group."""
    data = {"schemas": [GROUP], "displayName": bulk_id, "members": [{"value": member} for member in members]}
    return {"method": "POST", "path": "/Groups", "bulkId": bulk_id, "data": data}


def statuses(results: list[dict[str, Any]]) -> list[str]:
    """The status of each operation."""
    return [result["status"] for result in results]


def test_operations_name_one_another_in_any_order(caller: Caller, owner: Made) -> None:
    results = bulk(
        caller, owner.call,
        group("outer", "bulkId:inner", "bulkId:ann"), group("inner", "bulkId:ann"),
        user("ann", **{ENTERPRISE: {"manager": {"value": "bulkId:bob"}}}), user("bob", password=PASSWORD),
        {"method": "PATCH", "path": "/Users/bulkId:bob", "data": {
            "schemas": [PATCH], "Operations": [{"op": "add", "path": "title", "value": "Dr"}],
        }},
        {"method": "PUT", "path": f"/Users/{owner.id}", "data": {"schemas": [USER], "userName": "owner"}},
    )  # fmt: skip
    assert statuses(results) == ["201", "201", "201", "201", "200", "200"]
    assert [result.get("bulkId") for result in results] == ["outer", "inner", "ann", "bob", None, None]
    ids = {result.get("bulkId"): result["location"].rpartition("/")[2] for result in results}
    ann = get(caller, owner.call, ids["ann"])
    assert ann[ENTERPRISE]["manager"]["value"] == ids["bob"]
    assert {one["display"]: one["type"] for one in ann["groups"]} == {"inner": "direct", "outer": "direct"}
    assert results[2]["version"] == ann["meta"]["version"]
    assert get(caller, owner.call, ids["bob"])["title"] == "Dr"
    gone = bulk(
        caller, owner.call, {"method": "DELETE", "path": f"/Groups/{ids['outer']}"},
        {"method": "DELETE", "path": f"/Users/{ids['ann']}", "version": 'W/"77"'},
        {"method": "delete", "path": f"/Users/{ids['bob']}", "bulkId": "mine"},
    )  # fmt: skip
    assert (statuses(gone), gone[2]["bulkId"]) == (["204", "412", "204"], "mine")
    recorded = [row.target_id for row in audited(caller.installation, owner.tenant_id) if row.action == "scim.bulk"]
    assert len(recorded) == 8
    assert set(ids.values()) <= set(recorded)


def test_each_operation_fails_by_itself_and_circles_are_refused(caller: Caller, owner: Made) -> None:
    results = bulk(
        caller, owner.call, user("ann"), user("two", userName="ANN"), group("a", "bulkId:b"), group("b", "bulkId:a"),
        group("c", "bulkId:nobody"), group("d", "bulkId:two"), group("e", "bulkId:e"), user("bob", userName=7),
        {"method": "DELETE", "path": "/Users/nobody"}, user("last"),
    )  # fmt: skip
    assert statuses(results) == ["201", "409", "409", "409", "400", "400", "409", "400", "404", "201"]
    assert [result["response"].get("scimType") for result in results if "response" in result] == [
        "uniqueness", None, None, "invalidValue", "invalidValue", None, "invalidValue", None,
    ]  # fmt: skip
    assert all(result["response"]["status"] == result["status"] for result in results if "response" in result)
    assert {one["userName"] for one in find(caller, owner.call)["Resources"]} == {"ann", "last", "owner"}
    ended = bulk(caller, owner.call, user("ann"), user("x"), user("last"), user("y"), failOnErrors=2)
    assert statuses(ended) == ["409", "201", "409"]
    assert find(caller, owner.call, filter='userName eq "y"')["totalResults"] == 0


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ({}, "INVALID_ARGUMENT"), ([], "INVALID_ARGUMENT"), ({"schemas": [BULK]}, "INVALID_ARGUMENT"),
        ({"schemas": [BULK], "Operations": []}, "INVALID_ARGUMENT"),
        ({"schemas": [USER], "Operations": [user("x")]}, "INVALID_ARGUMENT"),
        ({"schemas": [BULK], "Operations": [user("x")], "failOnErrors": "1"}, "INVALID_ARGUMENT"),
        ({"schemas": [BULK], "Operations": [user("x"), user("x")]}, "INVALID_ARGUMENT"),
        ({"schemas": [BULK], "Operations": [{**user("x"), "method": "GET"}]}, "INVALID_ARGUMENT"),
        ({"schemas": [BULK], "Operations": [{**user("x"), "path": "/Users/1"}]}, "INVALID_ARGUMENT"),
        ({"schemas": [BULK], "Operations": [{**user("x"), "path": "/Roles"}]}, "INVALID_ARGUMENT"),
        ({"schemas": [BULK], "Operations": [{**user("x"), "bulkId": ""}]}, "INVALID_ARGUMENT"),
        ({"schemas": [BULK], "Operations": [{**user("x"), "data": "x"}]}, "INVALID_ARGUMENT"),
        ({"schemas": [BULK], "Operations": ["x"]}, "INVALID_ARGUMENT"),
        ({"schemas": [BULK], "Operations": [user(str(number)) for number in range(501)]}, "INVALID_ARGUMENT"),
    ],
)  # fmt: skip
def test_a_bad_bulk_request_is_refused_whole(
    shared_caller: Caller, shared_owner: Made, document: Any, code: str
) -> None:
    before = find(shared_caller, shared_owner.call, count=0)["totalResults"]
    request = scim_resources_pb2.ExecuteBulkRequest(bulk=body(document))
    given, _, _ = refusal(ResourcesServiceStub(shared_caller.channel).ExecuteBulk, request, **shared_owner.call)
    assert given.name == code
    assert find(shared_caller, shared_owner.call, count=0)["totalResults"] == before


def test_a_bulk_request_reaches_no_further_than_its_caller(caller: Caller, owner: Made) -> None:
    boss = new_person(caller.installation, owner.tenant_id, "boss", "platform_operator")
    foreign = new_person(caller.installation, caller.installation.new_tenant("other"), "ann", "org_owner")
    password = {"schemas": [PATCH], "Operations": [{"op": "replace", "path": "password", "value": "mine now, yes"}]}
    results = bulk(
        caller, owner.call,
        *({"method": "PATCH", "path": f"/Users/{name}", "data": password}
          for name in (boss.id, f"urn:vcloud:user:{boss.id}", foreign.id)),
        {"method": "DELETE", "path": f"/Users/{boss.id}"},
    )  # fmt: skip
    assert statuses(results) == ["403", "403", "404", "403"]
    member = new_person(caller.installation, owner.tenant_id, "member", "org_member")
    with pytest.raises(Exception, match="PERMISSION_DENIED"):
        bulk(caller, member.call, user("x"))


def search(ask: Any, request: type, call: dict[str, Any], **members: Any) -> dict[str, Any]:
    """The page that a search by POST finds."""
    answer = ask(request(search=body({"schemas": [SEARCH], **members})), **call)
    return json.loads(answer.data)  # type: ignore[no-any-return]


def test_searches_by_post_find_what_lists_find_and_one_finds_both_types(caller: Caller, owner: Made) -> None:
    ann = create(caller, owner.call, userName="ann", displayName="Team Ann", title="Dr")
    groups = GroupClient(caller, owner.call)
    team = groups.create("Team A", ann["id"])
    users = UsersServiceStub(caller.channel).SearchUsers
    found = search(
        users, scim_users_pb2.SearchUsersRequest, owner.call, filter='title eq "dr"', attributes=["userName"]
    )
    assert found["Resources"] == [{"schemas": [USER], "id": ann["id"], "userName": "ann"}]
    of_groups = GroupsServiceStub(caller.channel).SearchGroups
    listed = search(of_groups, scim_groups_pb2.SearchGroupsRequest, owner.call, excludedAttributes=["members"], count=1)
    assert (listed["totalResults"], "members" in listed["Resources"][0]) == (1, False)
    paged = search(users, scim_users_pb2.SearchUsersRequest, owner.call, cursor="", count=1, sortBy="userName")
    assert paged["Resources"][0]["id"] == ann["id"]
    both, request = ResourcesServiceStub(caller.channel).SearchResources, scim_resources_pb2.SearchResourcesRequest
    table = {
        'displayName sw "team"': [ann["id"], team["id"]],
        'title pr or displayName eq "TEAM A"': [ann["id"], team["id"]],
        'meta.resourceType eq "Group"': [team["id"]], f'members.value eq "{ann["id"]}"': [team["id"]],
        'userName eq "ann"': [ann["id"]], 'not (title pr) and displayName sw "team"': [team["id"]],
    }  # fmt: skip
    for filter, ids in table.items():
        answer = search(both, request, owner.call, filter=filter)
        assert ([one["id"] for one in answer["Resources"]], answer["totalResults"]) == (ids, len(ids)), filter
    pages = [search(both, request, owner.call, startIndex=start, count=1, sortBy="title") for start in (1, 2, 3, 4)]
    assert [len(page["Resources"]) for page in pages] == [1, 1, 1, 0]
    assert pages[2]["Resources"][0]["id"] == team["id"]
    for wrong in ({"filter": 'colour eq "x"'}, {"filter": 'password eq "x"'}, {"cursor": ""}, {"count": "x"},
                  {"attributes": "x"}, {"schemas": []}, {"filter": 7}, {"sortBy": "colour"}):  # fmt: skip
        assert refusal(search, both, request, owner.call, **wrong)[0] is CODES.INVALID_ARGUMENT, wrong


def test_everyone_reads_itself_and_only_owners_change_themselves(caller: Caller, owner: Made) -> None:
    me = MeServiceStub(caller.channel)
    nobody = new_person(caller.installation, owner.tenant_id, "nobody")
    answer, call = me.GetMe.with_call(scim_me_pb2.GetMeRequest(attributes="userName"), **nobody.call)
    assert json.loads(answer.data) == {"schemas": [USER], "id": nobody.id, "userName": "nobody"}
    headers = dict(call.initial_metadata())
    assert headers["location"] == get(caller, owner.call, nobody.id)["meta"]["location"]
    change = body({"schemas": [PATCH], "Operations": [{"op": "add", "path": "title", "value": "Dr"}]})
    assert refusal(me.PatchMe, scim_me_pb2.PatchMeRequest(patch=change), **nobody.call)[0] is CODES.PERMISSION_DENIED
    assert json.loads(me.PatchMe(scim_me_pb2.PatchMeRequest(patch=change), **owner.call).data)["title"] == "Dr"
    renamed = body({"schemas": [USER], "userName": "chief"})
    assert (
        json.loads(me.ReplaceMe(scim_me_pb2.ReplaceMeRequest(user=renamed), **owner.call).data)["userName"] == "chief"
    )
    manager = caller.as_role("manager")
    assert refusal(me.GetMe, scim_me_pb2.GetMeRequest(), **manager)[:2] == (CODES.NOT_FOUND, "USER_NOT_FOUND")
    assert refusal(me.DeleteMe, scim_me_pb2.DeleteMeRequest(), **owner.call)[1] == "LAST_OWNER"
    new_person(caller.installation, owner.tenant_id, "next", "org_owner")
    me.DeleteMe(scim_me_pb2.DeleteMeRequest(), **owner.call)
    assert refusal(me.GetMe, scim_me_pb2.GetMeRequest(), **owner.call)[0] is CODES.UNAUTHENTICATED
