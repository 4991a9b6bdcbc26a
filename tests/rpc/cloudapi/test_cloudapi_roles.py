"""Roles and rights of cloudapi: what an organization defines, and that nobody gives more than they hold."""

from __future__ import annotations

from typing import Any

import pytest
from kit.accounts.director import NOBODY, Director
from kit.callers import Caller

from ostiary.directory.roles.granting import Holder, grant_role, installation_operator

URN = "urn:vcloud:role:"


@pytest.fixture
def director(shared_caller: Caller) -> Director:
    return Director(shared_caller)


def rights(*names: str) -> dict[str, Any]:
    return {"rights": {"values": [{"name": name} for name in names]}}


def held(director: Director, role: dict[str, Any]) -> list[str]:
    return [right["name"] for right in director.ask("RolesService/ListRoleRights", id=role["id"])["values"]]


def test_an_owner_defines_a_role_describes_it_anew_and_deletes_it(director: Director) -> None:
    made, headers = director.answered("RolesService/CreateRole", role={"name": "Auditor", "description": "Reads"})
    assert (made["name"], made["description"], made["readOnly"]) == ("Auditor", "Reads", False)
    assert headers["content-location"].endswith(f"/cloudapi/1.0.0/roles/{made['id']}")
    director.ask("RolesService/AddRoleRights", id=made["id"], **rights("organization.read"))
    changed = director.ask("RolesService/UpdateRole", id=made["id"], role={"name": "Inspector"})
    assert changed == {**made, "name": "Inspector"}
    assert held(director, made) == ["organization.read"]
    director.ask("RolesService/DeleteRole", id=made["id"])
    assert director.refused("RolesService/GetRole", id=made["id"]) == ("NOT_FOUND", "ROLE_NOT_FOUND")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["Auditor", "org_member", "org_owner"]),
        ({"filter": "name==ORG_*"}, ["org_member", "org_owner"]),
        ({"filter": "readOnly==false"}, ["Auditor"]),
        ({"filter": "description==organization*", "sortDesc": "name"}, ["org_owner", "org_member"]),
        ({"filter": "name=gt=auditor;name=le=org_member"}, ["org_member"]),
        ({"pageSize": 1, "page": 2}, ["org_member"]),
        ({"pageSize": 0}, []),
    ],
)
def test_roles_are_found_built_in_ones_among_them(director: Director, query: Any, found: list[str]) -> None:
    director.ask("RolesService/CreateRole", role={"name": "Auditor"})
    listed = director.ask("RolesService/ListRoles", director.member, **query)
    assert [role["name"] for role in listed["values"]] == found
    assert {role["name"]: role["readOnly"] for role in listed["values"]} == {name: name != "Auditor" for name in found}


def test_a_role_permits_what_its_rights_say_from_the_next_request_on(director: Director) -> None:
    role = director.ask("RolesService/CreateRole", role={"name": "Deputy"})
    ann = director.person("ann")
    with director.made.runtime.store.write() as work:
        now_ms = director.made.clock.now_ms()
        grant_role(
            work, director.tenant_id, Holder(ann.id), role["id"].removeprefix(URN), installation_operator, now_ms
        )
    assert director.refused("RolesService/ListRoles", ann)[0] == "PERMISSION_DENIED"
    everything = ("organization.read", "organization.own", "account.own")
    director.ask("RolesService/ReplaceRoleRights", id=role["id"], **rights(*everything))
    made = director.ask("RolesService/CreateRole", ann, role={"name": "By the deputy"})
    director.ask("RolesService/ReplaceRoleRights", id=role["id"], **rights("organization.read"))
    assert director.refused("RolesService/DeleteRole", ann, id=made["id"])[0] == "PERMISSION_DENIED"
    director.ask("RolesService/DeleteRole", id=role["id"])
    assert director.refused("RolesService/ListRoles", ann)[0] == "PERMISSION_DENIED"


def test_nobody_gives_a_right_that_they_do_not_hold(director: Director) -> None:
    role = director.ask("RolesService/CreateRole", role={"name": "Deputy"})
    for method in ("AddRoleRights", "ReplaceRoleRights"):
        refused = director.refused(f"RolesService/{method}", id=role["id"], **rights("tenant.change"))
        assert refused == ("PERMISSION_DENIED", "FORBIDDEN")
    director.ask("RolesService/AddRoleRights", director.operator, director.tenant_id, id=role["id"],
                 **rights("tenant.change"))  # fmt: skip
    changes = ("UpdateRole", {"role": {"name": "x"}}), ("ReplaceRoleRights", rights()), ("DeleteRole", {})
    for method, body in changes:
        assert director.refused(f"RolesService/{method}", id=role["id"], **body)[0] == "PERMISSION_DENIED", method
    assert held(director, role) == ["tenant.change"]


def test_rights_are_listed_and_named_by_id(director: Director) -> None:
    listed = director.ask("RightsService/ListRights", filter="name==organization.*", sortDesc="name")
    assert [right["name"] for right in listed["values"]] == ["organization.read", "organization.own"]
    assert director.ask("RightsService/GetRight", id=listed["values"][0]["id"]) == listed["values"][0]
    role = director.ask("RolesService/CreateRole", role={"name": "Deputy"})
    by_id = {"rights": {"values": [{"id": listed["values"][0]["id"]}]}}
    assert len(director.ask("RolesService/AddRoleRights", id=role["id"], **by_id)["values"]) == 1
    names = {right["name"] for right in director.ask("RightsService/ListRights")["values"]}
    assert "platform.operate" not in names


@pytest.mark.parametrize(
    ("role", "reason"),
    [
        ({"name": "org_OWNER"}, "ROLE_NAME_TAKEN"), ({"name": "TAKEN"}, "ROLE_NAME_TAKEN"),
        ({"name": ""}, "INVALID_NAME"), ({}, "FIELD_MISSING"), ({"name": "x" * 129}, "INVALID_NAME"),
        ({"name": "a\tb"}, "INVALID_NAME"),
        ({"name": "fine", "description": "x" * 257}, "INVALID_FIELD"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_role_is_refused(director: Director, role: Any, reason: str) -> None:
    director.ask("RolesService/CreateRole", role={"name": "taken"})
    assert director.refused("RolesService/CreateRole", role=role)[1] == reason


def test_built_in_roles_are_not_changed(director: Director) -> None:
    owner = director.ask("RolesService/ListRoles", filter="name==org_owner")["values"][0]
    for method, body in (
        ("UpdateRole", {"role": {"name": "x"}}), ("DeleteRole", {}), ("AddRoleRights", rights("organization.read")),
    ):  # fmt: skip
        assert director.refused(f"RolesService/{method}", id=owner["id"], **body)[1] == "ROLE_READ_ONLY"
    assert "organization.own" in held(director, owner)


def test_a_role_of_another_organization_looks_like_none(director: Director) -> None:
    foreign = Director(director.caller).ask("RolesService/CreateRole", role={"name": "Theirs"})["id"]
    for method, body in (
        ("GetRole", {}), ("UpdateRole", {"role": {"name": "x"}}), ("DeleteRole", {}), ("ListRoleRights", {}),
        ("ReplaceRoleRights", rights()),
    ):  # fmt: skip
        seen = {
            director.refused(f"RolesService/{method}", id=named, **body)
            for named in (foreign, f"{URN}{NOBODY}", "nonsense", "a\0b")
        }
        assert seen == {("NOT_FOUND", "ROLE_NOT_FOUND")}, method


def test_members_read_roles_and_change_none(director: Director) -> None:
    role = director.ask("RolesService/CreateRole", role={"name": "Deputy"})
    assert director.ask("RolesService/GetRole", director.member, id=role["id"]) == role
    for method, body in (("CreateRole", {"role": {"name": "x"}}), ("DeleteRole", {"id": role["id"]})):
        assert director.refused(f"RolesService/{method}", director.member, **body)[0] == "PERMISSION_DENIED"
