"""Groups of cloudapi: made, given roles, listed with their people, deleted."""

from __future__ import annotations

from typing import Any

import pytest
from kit.accounts.director import NOBODY, Director
from kit.callers import Caller

from ostiary.directory.groups.membership import add_member
from ostiary.directory.roles.granting import Holder, installation_operator
from ostiary.store.tables import GROUP, USER

URN = "urn:vcloud:group:"


@pytest.fixture
def director(shared_caller: Caller) -> Director:
    return Director(shared_caller)


def make(director: Director, name: str = "Staff", **facts: Any) -> dict[str, Any]:
    return director.ask("GroupsService/CreateGroup", group={"name": name, **facts})


def put(director: Director, group: dict[str, Any], **change: Any) -> dict[str, Any]:
    sent = {name: value for name, value in group.items() if name != "id"}
    return director.ask("GroupsService/UpdateGroup", id=group["id"], group={**sent, **change})


def put_into(director: Director, group: dict[str, Any], member_id: str, kind: str = USER) -> None:
    now_ms = director.made.clock.now_ms()
    with director.made.runtime.store.write() as work:
        member = Holder(member_id, kind)
        add_member(
            work, director.tenant_id, group["id"].removeprefix(URN), member, installation_operator, now_ms
        )  # fmt: skip


def names(group: dict[str, Any]) -> list[str]:
    return [role["name"] for role in group["roleEntityRefs"]]


def test_a_group_is_shown_as_it_was_described_in_both_forms_of_roles(director: Director) -> None:
    group = {
        "name": "Staff", "description": "d", "providerType": "SAML", "roleEntityRef": {"name": "org_member"},
        "orgEntityRef": {"id": f"urn:vcloud:org:{director.tenant_id}", "name": director.name}, "nameInSource": "Staff",
    }  # fmt: skip
    made, headers = director.answered("GroupsService/CreateGroup", group=group)
    shown = {name: value for name, value in group.items() if name != "roleEntityRef"}
    assert {name: made[name] for name in shown} == shown
    assert (names(made), made["roleEntityRef"]["name"]) == (["org_member"], "org_member")
    assert headers["content-location"].endswith(f"/cloudapi/1.0.0/groups/{made['id']}")
    assert director.ask("GroupsService/GetGroup", id=made["id"]) == made
    assert put(director, made) == made


def test_members_get_and_lose_the_roles_of_their_group_on_the_next_request(director: Director) -> None:
    group, ann = make(director), director.person("ann")
    put_into(director, group, ann.id)
    assert director.refused("UsersService/ListUsers", ann)[0] == "PERMISSION_DENIED"
    member = put(director, group, roleEntityRefs=[{"name": "org_member"}])
    assert director.ask("UsersService/ListUsers", ann)["resultTotal"] == 3
    both = put(director, member, roleEntityRefs=[{"name": "org_member"}, {"name": "org_owner"}])
    # A client that knows one role sends the first of them back.
    only_one = {name: value for name, value in both.items() if name != "roleEntityRefs"}
    assert names(put(director, only_one, description="x")) == ["org_member", "org_owner"]
    owners = put(director, {**only_one, "roleEntityRef": {"name": "org_owner"}})
    assert names(owners) == ["org_owner"]
    none = put(director, {**only_one, "roleEntityRef": {}})
    assert (names(none), "roleEntityRef" in none) == ([], False)
    assert director.refused("UsersService/ListUsers", ann)[0] == "PERMISSION_DENIED"


def test_users_of_a_group_are_listed_also_those_of_groups_in_it(director: Director) -> None:
    outer, inner = make(director, "Outer"), make(director, "Inner")
    people = {name: director.person(name) for name in ("ann", "bob", "cid")}
    put_into(director, outer, people["ann"].id)
    put_into(director, outer, inner["id"].removeprefix(URN), GROUP)
    put_into(director, inner, people["bob"].id)
    for query, expected in (
        ({}, ["ann", "bob"]), ({"sortDesc": "username"}, ["bob", "ann"]), ({"filter": "username==b*"}, ["bob"]),
        ({"pageSize": 1, "page": 2}, ["bob"]), ({"pageSize": 0}, []),
    ):  # fmt: skip
        listed = director.ask("GroupsService/ListGroupUsers", id=outer["id"], **query)
        assert [user["name"] for user in listed["values"]] == expected, query
    assert listed["resultTotal"] == 2


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["Admins", "Staff", "staffing"]), ({"filter": "name==STAFF*"}, ["Staff", "staffing"]),
        ({"filter": "name==staff"}, ["Staff"]), ({"filter": "providerType==SAML"}, ["Admins"]),
        ({"filter": "description==*100%*"}, ["staffing"]), ({"sortDesc": "name"}, ["staffing", "Staff", "Admins"]),
        ({"pageSize": 2, "page": 2}, ["staffing"]), ({"filter": "name=gt=admins;name!=staff"}, ["staffing"]),
    ],
)  # fmt: skip
def test_groups_are_found(director: Director, query: Any, expected: list[str]) -> None:
    make(director)
    make(director, "Admins", providerType="SAML")
    make(director, "staffing", description="100% of them")
    assert [group["name"] for group in director.ask("GroupsService/ListGroups", **query)["values"]] == expected


@pytest.mark.parametrize(
    ("group", "reason"),
    [
        ({"name": "STAFF"}, "GROUP_NAME_TAKEN"), ({"name": " "}, "INVALID_NAME"), ({}, "FIELD_MISSING"),
        ({"name": "x", "providerType": "LDAP"}, "PROVIDER_TYPE_NOT_OFFERED"),
        ({"name": "x", "roleEntityRef": {"name": "nothing"}}, "INVALID_ROLE_REFERENCE"),
        ({"name": "x", "orgEntityRef": {"id": f"urn:vcloud:org:{NOBODY}"}}, "ORG_MISMATCH"),
        ({"name": "x" * 257}, "INVALID_NAME"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_group_is_refused_and_leaves_nothing(director: Director, group: Any, reason: str) -> None:
    make(director)
    assert director.refused("GroupsService/CreateGroup", group=group)[1] == reason
    assert director.ask("GroupsService/ListGroups")["resultTotal"] == 1


def test_nobody_gives_a_group_more_than_they_hold(director: Director) -> None:
    role = director.ask("RolesService/CreateRole", role={"name": "Beyond"})
    director.ask("RolesService/AddRoleRights", director.operator, director.tenant_id, id=role["id"],
                 rights={"values": [{"name": "tenant.manage"}]})  # fmt: skip
    group = {"name": "x", "roleEntityRefs": [{"name": "Beyond"}]}
    assert director.refused("GroupsService/CreateGroup", group=group) == ("PERMISSION_DENIED", "FORBIDDEN")
    made = director.ask("GroupsService/CreateGroup", director.operator, director.tenant_id, group=group)
    changed = {"name": "x", "roleEntityRef": {}}
    assert director.refused("GroupsService/UpdateGroup", id=made["id"], group=changed)[0] == "PERMISSION_DENIED"
    assert director.refused("GroupsService/DeleteGroup", id=made["id"])[0] == "PERMISSION_DENIED"


def test_a_deleted_group_is_gone_and_its_people_stay(director: Director) -> None:
    group, ann = make(director, roleEntityRefs=[{"name": "org_member"}]), director.person("ann")
    put_into(director, group, ann.id)
    assert director.refused("GroupsService/UpdateGroup", id=group["id"], group={"name": "s", "providerType": "OAUTH"})[
        1
    ] == ("PROVIDER_TYPE_FIXED")
    director.ask("GroupsService/DeleteGroup", id=group["id"])
    assert director.refused("UsersService/ListUsers", ann)[0] == "PERMISSION_DENIED"
    assert director.ask("UsersService/ListUserGroups", id=f"urn:vcloud:user:{ann.id}")["values"] == []


def test_a_group_of_another_organization_looks_like_none_and_members_see_none(director: Director) -> None:
    foreign = make(Director(director.caller))
    for method, body in (
        ("GetGroup", {}), ("UpdateGroup", {"group": {"name": "x"}}), ("DeleteGroup", {}), ("ListGroupUsers", {}),
    ):  # fmt: skip
        seen = {
            director.refused(f"GroupsService/{method}", id=named, **body)
            for named in (foreign["id"], f"{URN}{NOBODY}", "nonsense", "a\0b")
        }
        assert seen == {("NOT_FOUND", "GROUP_NOT_FOUND")}, method
    assert director.refused("GroupsService/ListGroups", director.member)[0] == "PERMISSION_DENIED"
