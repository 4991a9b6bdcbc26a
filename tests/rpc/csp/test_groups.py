"""Groups of CSP over native gRPC: found, listed, their roles, their users, their removal."""

from __future__ import annotations

from typing import Any

import pytest
from kit.callers import Caller
from rpc.csp.world import World

from ostiary.directory.roles.permissions import Permission

SEARCH, SEARCH_ORG = "GroupService/SearchGroups", "OrganizationService/SearchOrganizationGroups"
LIST, ROLES = "OrganizationGroupsService/ListOrganizationGroups", "OrganizationGroupsService/GetGroupRoles"
CHANGE, REMOVE = "OrganizationGroupsService/UpdateGroupRoles", "OrganizationGroupsService/RemoveGroups"
USERS = "OrganizationGroupsService/ListGroupUsers"


@pytest.fixture
def world(shared_caller: Caller) -> World:
    return World(shared_caller)


def names(answer: dict[str, Any], key: str = "displayName") -> list[str]:
    return [found[key] for found in answer.get("results", ())]


def test_groups_are_found_by_a_part_of_their_name_page_by_page(world: World) -> None:
    for name in ("Sales Süd", "sales NORD", "Ops", "100% sales"):
        world.team(name)
    found = world.get(SEARCH, world.member, searchTerm="SALES")
    assert (names(found), found["totalResults"]) == (["100% sales", "sales NORD", "Sales Süd"], 3)
    assert not found.keys() & {"nextLink", "prevLink"}
    page = world.get(SEARCH, world.member, searchTerm="sales", pageStart=2, pageLimit=1)
    assert (names(page), page["nextLink"], page["prevLink"]) == (
        ["sales NORD"],
        "/csp/gateway/am/api/groups/search?pageStart=3&pageLimit=1&searchTerm=sales",
        "/csp/gateway/am/api/groups/search?pageStart=1&pageLimit=1&searchTerm=sales",
    )
    assert names(world.get(SEARCH, world.member, searchTerm="0% s")) == ["100% sales"]
    assert names(World(world.caller).get(SEARCH, searchTerm="sales")) == []
    assert {world.refused(SEARCH, world.member), world.refused(SEARCH, world.member, searchTerm="")} == {
        "INVALID_SEARCH_TERM"
    }


def test_a_page_of_a_search_has_128_groups_where_nobody_says(world: World) -> None:
    for number in range(130):
        world.team(f"team {number:03}")
    assert [len(names(world.get(SEARCH, searchTerm="team"))), len(names(world.get(LIST)))] == [128, 20]
    assert len(names(world.get(SEARCH_ORG, groupSearchTerm="team"))) == 20


def test_owners_see_what_groups_give_and_members_do_not(world: World) -> None:
    ann = world.person("ann", "org_member")
    inner = world.team("inner", ann)
    until = world.now_s + 60
    team = world.team("team", inner, ann, role="org_owner", until_s=until)
    shown = {
        "id": team, "displayName": "team", "usersCount": 1, "groupType": "USER_GROUP",
        "organizationRoles": [
            {"name": "org_owner", "displayName": "Organization Owner", "orgId": world.id, "membershipType": "DIRECT",
             "expiresAt": str(until)}
        ],
    }  # fmt: skip
    for answer in (world.get(SEARCH_ORG, groupSearchTerm="TEAM"), world.get(LIST, groupId=team)):
        (group,) = answer["results"]
        assert group["organizationRoles"][0].pop("id")
        assert group == shown
    (group,) = world.get(SEARCH_ORG, world.member, groupSearchTerm="team")["results"]
    assert group == {key: value for key, value in shown.items() if key != "organizationRoles"}
    assert names(world.get(LIST)) == ["inner", "team"]
    assert world.get(LIST, groupId="unknown").get("totalResults", 0) == 0


def test_roles_of_a_group_are_given_and_taken_by_name_and_as_objects(world: World) -> None:
    ann = world.person("ann")
    team, service = world.team("team", ann), world.service()
    admin = service.roles[0].name
    until = world.now_s + 60
    member = {"name": "org_member", "expiresAt": until}
    world.get(CHANGE, groupId=team, update={
        "organizationRoles": {"rolesToAdd": [member], "roleNamesToAdd": ["org_owner"]},
        "serviceRoles": [{"serviceDefinitionId": service.id, "roleNamesToAdd": [admin]}],
        "notifyUsersInGroups": True,
    })  # fmt: skip
    held = world.get(ROLES, groupId=team)
    assert [(role["name"], role.get("expiresAt")) for role in held["organizationRoles"]] == [
        ("org_member", str(until)), ("org_owner", None),
    ]  # fmt: skip
    (of_service,) = held["serviceRoles"]
    assert (of_service["serviceDefinitionId"], of_service["serviceRoleNames"]) == (service.id, [admin])
    assert of_service["serviceRoles"][0]["membershipType"] == "DIRECT"
    assert not world.refused(LIST, ann), "who is in the group is an owner now"
    owner = held["organizationRoles"][1]
    world.get(CHANGE, groupId=team, update={
        "organizationRoles": {"rolesToRemove": [{"id": owner["id"], "name": "org_owner"}]},
        "serviceRoles": [{"serviceDefinitionId": service.id, "roleNamesToRemove": [admin]}],
    })  # fmt: skip
    held = world.get(ROLES, groupId=team)
    assert ([role["name"] for role in held["organizationRoles"]], held.get("serviceRoles")) == (["org_member"], None)
    assert world.refused(LIST, ann) == "FORBIDDEN"


def test_a_group_shows_what_it_has_from_the_groups_around_it_as_inherited(world: World) -> None:
    until = world.now_s + 60
    inner = world.team("inner", role="org_member")
    middle = world.team("middle", inner, role="org_member", until_s=until)
    outer = world.team("outer", middle, role="org_owner", until_s=until)
    held = {
        name: [(role["name"], role["membershipType"], role.get("expiresAt")) for role in answer["organizationRoles"]]
        for name, answer in ((name, world.get(ROLES, groupId=name)) for name in (inner, middle, outer))
    }
    assert held == {
        inner: [("org_member", "DIRECT", None), ("org_owner", "GROUP", str(until))],
        middle: [("org_member", "DIRECT", str(until)), ("org_owner", "GROUP", str(until))],
        outer: [("org_owner", "DIRECT", str(until))],
    }


def test_a_role_of_a_group_gives_nothing_from_its_second_on(world: World) -> None:
    ann = world.person("ann")
    team = world.team("team", ann, role="org_owner", until_s=world.now_s + 30)
    clock = world.clock
    assert not world.refused(LIST, ann)
    clock.advance(29)
    assert not world.refused(LIST, ann)
    clock.advance(1)
    assert world.refused(LIST, ann)
    assert world.get(ROLES, groupId=team) == {}


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"organizationRoles": {"roleNamesToAdd": ["unheard_of"]}}, "ROLE_NOT_FOUND"),
    ({"organizationRoles": {"roleNamesToAdd": ["platform_operator"]}}, "FORBIDDEN"),
    ({"organizationRoles": {"roleNamesToAdd": ["org_owner"], "roleNamesToRemove": ["org_owner"]}},
     "CONTRADICTING_ROLES"),
    ({"organizationRoles": {"rolesToAdd": [{"name": "org_owner", "expiresAt": 1}]}}, "ALREADY_EXPIRED"),
    ({"organizationRoles": {"roleNamesToAdd": ["org_owner"]},
      "serviceRoles": [{"serviceDefinitionId": "unknown", "roleNamesToAdd": ["x:y"]}]}, "SERVICE_DEFINITION_NOT_FOUND"),
]  # fmt: skip


@pytest.mark.parametrize(("update", "reason"), REFUSED, ids=[reason for _, reason in REFUSED])
def test_a_change_of_a_group_is_made_whole_or_not_at_all(world: World, update: dict[str, Any], reason: str) -> None:
    team = world.team("team")
    assert world.refused(CHANGE, groupId=team, update=update) == reason
    assert world.get(ROLES, groupId=team) == {}


def test_an_owner_until_a_time_gives_a_group_nothing_beyond_it(world: World) -> None:
    until, team = world.now_s + 60, world.team("team")
    guest = world.person("guest")
    world.give(guest, "org_owner", until)
    change = {"organizationRoles": {"rolesToAdd": [{"name": "org_owner", "expiresAt": until + 1}]}}
    assert world.refused(CHANGE, guest, groupId=team, update=change) == "BEYOND_OWN_END"
    change["organizationRoles"]["rolesToAdd"][0]["expiresAt"] = until
    assert not world.refused(CHANGE, guest, groupId=team, update=change)


def test_groups_of_another_organization_are_as_unknown_ones(world: World) -> None:
    foreign = World(world.caller).team("foreign")
    seen = [
        [world.refused(method, groupId=group) for method in (ROLES, USERS, CHANGE)]
        + [world.get(REMOVE, removal={"ids": [group]})["failures"][0]["message"], world.get(LIST, groupId=group)]
        for group in (foreign, "00000000-0000-4000-8000-000000000000")
    ]
    assert seen[0] == seen[1]
    assert seen[0][:3] == ["GROUP_NOT_FOUND"] * 3


def test_what_cannot_be_removed_does_not_keep_the_others(world: World) -> None:
    strong = world.team("strong", role=world.role("changer", Permission.TENANT_CHANGE))
    ann = world.person("ann")
    weak = world.team("weak", ann, role="org_owner")
    outer = world.team("outer", weak)
    removed = world.get(REMOVE, removal={"ids": [strong, weak, "unknown", weak], "notifyUsersInGroups": True})
    assert (removed["succeeded"], removed["failed"]) == ([weak], [strong, "unknown"])
    assert removed["failures"] == [
        {"id": strong, "message": "The caller's role does not allow this operation."},
        {"id": "unknown", "message": "This organization has no such group."},
    ]
    assert names(world.get(LIST)) == ["outer", "strong"]
    assert world.get(LIST, groupId=outer)["results"][0].get("usersCount", 0) == 0
    assert world.refused(LIST, ann), "what the group gave is gone"
    for removal in ({}, {"ids": []}):
        assert world.refused(REMOVE, removal=removal) == "GROUPS_MISSING"
    assert world.refused(REMOVE, removal={"ids": ["x"] * 101}) == "TOO_MANY_GROUPS"


def test_an_owner_until_a_time_may_remove_a_group_but_a_member_may_not(world: World) -> None:
    guest = world.person("guest")
    world.give(guest, "org_owner", world.now_s + 60)
    team = world.team("team", role="org_owner")
    assert world.refused(REMOVE, world.member, removal={"ids": [team]}) == "FORBIDDEN"
    assert world.get(REMOVE, guest, removal={"ids": [team]})["succeeded"] == [team]


def test_users_of_a_group_are_those_of_the_groups_within_it_unless_only_direct_ones_are_wanted(world: World) -> None:
    people = {name: world.person(name) for name in ("ann", "bob", "cid", "dan")}
    inner = world.team("inner", people["ann"], people["bob"])
    middle = world.team("middle", inner, people["cid"])
    outer = world.team("outer", middle, inner, people["ann"])
    world.team("aside", people["dan"])
    found = world.get(USERS, groupId=outer)
    assert (names(found, "username"), found["totalResults"]) == (["ann", "bob", "cid"], 3)
    assert found["results"][0] == {
        "username": "ann", "firstName": "Ann", "lastName": "Other", "domain": world.name, "accessible": True,
        "acct": f"ann@{world.name}", "email": "ann@example.com", "userId": people["ann"].id,
    }  # fmt: skip
    assert names(world.get(USERS, groupId=outer, onlyDirectUsers=True), "username") == ["ann"]
    asked: list[tuple[dict[str, str], list[str]]] = [
        ({"email": "BOB@"}, ["bob"]), ({"firstName": "nN"}, ["ann", "bob", "cid"]), ({"lastName": "x"}, []),
        ({"firstName": "ann", "email": "cid"}, ["cid"]),
    ]  # fmt: skip
    for filters, expected in asked:
        assert names(world.get(USERS, groupId=outer, **filters), "username") == expected, filters
    page = world.get(USERS, groupId=outer, pageStart=2, pageLimit=1, email="example", onlyDirectUsers=False)
    assert (names(page, "username"), page["totalResults"]) == (["bob"], 3)
    path = f"/csp/gateway/am/api/orgs/{world.id}/groups/{outer}/users?pageStart=3&pageLimit=1"
    assert page["nextLink"] == f"{path}&email=example&onlyDirectUsers=false"
    behind = world.get(USERS, groupId=outer, pageStart=9)
    assert (names(behind), behind["totalResults"], "nextLink" in behind) == ([], 3, False)
    for bad in ({"pageStart": 0}, {"pageLimit": 129}, {"pageLimit": 0}):
        assert world.refused(USERS, groupId=outer, **bad) == "PAGE_OUT_OF_RANGE"
