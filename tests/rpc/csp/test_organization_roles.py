"""Roles of organizations in CSP, changes for several users at once, and the organizations below one."""

from __future__ import annotations

from typing import Any

import pytest
from kit.callers import Caller
from kit.servers.installation import ENTROPY
from rpc.csp.world import World

from ostiary.directory.roles.built_in import role_id
from ostiary.directory.roles.granting import installation_operator
from ostiary.directory.roles.permissions import Permission
from ostiary.directory.roles.stored_roles import RoleDefinition, create_stored_role
from ostiary.directory.tenants.deletion import begin_deletion
from ostiary.directory.tenants.tenants import create_tenant
from ostiary.store.tenancy import SYSTEM_ID

LIST, GET = "OrganizationService/ListOrganizationRoles", "OrganizationService/GetOrganizationRole"
CHANGE, BELOW = "OrganizationService/UpdateUsersRoles", "OrganizationService/ListSubOrganizations"


@pytest.fixture
def world(shared_caller: Caller) -> World:
    return World(shared_caller)


def own_role(world: World, name: str, *permissions: Permission) -> str:
    with world.made.runtime.store.write() as work:
        role = RoleDefinition(name, f"The {name}", permissions=frozenset(permissions))
        return create_stored_role(work, world.id, role, installation_operator, ENTROPY, 1).id


def test_roles_are_listed_by_paths_and_whole_with_the_flag(world: World) -> None:
    auditor = own_role(world, "Auditor", Permission.ORGANIZATION_READ)
    paths = {
        name: f"/csp/gateway/am/api/orgs/{world.id}/roles/{key}"
        for name, key in (
            ("Auditor", auditor), ("org_member", role_id(world.id, "org_member")),
            ("org_owner", role_id(world.id, "org_owner")),
        )
    }  # fmt: skip
    assert world.get(LIST) == {"refLinks": list(paths.values())}
    for wanted in ("false", "", "true"):
        whole = world.get(LIST, expand=wanted)["orgRolesData"]
        assert [role["name"] for role in whole] == list(paths)
    assert whole[0] == {
        "id": auditor, "refLink": paths["Auditor"], "name": "Auditor", "displayName": "The Auditor", "orgId": world.id,
        "organizationLink": f"/csp/gateway/am/api/orgs/{world.id}", "visible": True, "resource": "csp:Auditor",
    }  # fmt: skip
    named: list[tuple[str, list[str]]] = [
        ("org_owner", ["org_owner"]), ("auditor, ORG_MEMBER,unheard of", ["Auditor", "org_member"]), ("nobody", []),
        ("", []), ("platform_operator", []), ("manager", []),
    ]  # fmt: skip
    for name, expected in named:
        assert world.get(LIST, name=name).get("refLinks", []) == [paths[each] for each in expected], name
    assert world.get(GET, world.member, roleId=auditor) == whole[0]
    for unknown in (own_role(World(world.caller), "Auditor"), "org_owner", role_id(SYSTEM_ID, "org_owner")):
        assert world.refused(GET, world.member, roleId=unknown) == "ROLE_NOT_FOUND"


def asked(name: str, *add: str, remove: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    change = {"roleNamesToAdd": list(add), "roleNamesToRemove": list(remove), **more}
    return {"userName": name, "orgRolesUpdateRequest": change}


def test_each_of_several_users_succeeds_or_fails_by_itself_in_both_kinds_of_roles(world: World) -> None:
    ann, bob, cid = (world.person(name, "org_member") for name in ("ann", "bob", "cid"))
    changer = own_role(world, "changer", Permission.TENANT_CHANGE)
    service = world.service()
    admin = service.roles[0].name
    beyond = world.person("beyond", changer)
    answer = world.get(CHANGE, update={
        "userList": [
            asked("ann", "org_owner", remove=("org_member",)), asked("bob@example.com", "org_owner", "unheard_of"),
            asked(f"cid@{world.name}", "changer"), asked("nobody", "org_owner"), asked("beyond", "org_member"),
            {"userName": "owner"},
        ],
        "servicesRolesPatchRequest": {
            "serviceRolesPatchRequest": [{"serviceId": service.id, "roleNamesToAdd": [admin]}]
        },
    })  # fmt: skip
    cids = f"cid@{world.name}"
    assert answer == {
        "successOrgRolesUsernames": ["ann"],
        "failedOrgRolesUsernames": ["bob@example.com", cids, "nobody", "beyond"],
        "successServiceRolesUsernames": ["ann", "bob@example.com", cids, "owner"],
        "failedServicesRolesUsernames": ["nobody", "beyond"],
    }
    assert [world.held(each) for each in (ann, bob, cid, beyond)] == [
        ["org_owner", admin], ["org_member", admin], ["org_member", admin], ["changer"],
    ]  # fmt: skip


def test_services_that_are_unknown_fail_for_everybody_and_leave_the_organization_roles(world: World) -> None:
    ann = world.person("ann")
    services = [{"serviceId": "unknown", "roleNamesToAdd": ["a:b"]}]
    answer = world.get(CHANGE, update={
        "userList": [asked("ann", "org_member")],
        "servicesRolesPatchRequest": {"serviceRolesPatchRequest": services},
    })  # fmt: skip
    assert answer == {"successOrgRolesUsernames": ["ann"], "failedServicesRolesUsernames": ["ann"]}
    assert world.held(ann) == ["org_member"]


def test_a_role_of_a_user_is_held_until_its_second_and_not_longer_than_its_giver_holds_it(world: World) -> None:
    ann, guest, until = world.person("ann"), world.person("guest"), world.now_s + 30
    world.give(guest, "org_owner", until)
    for end, succeeds in ((until + 1, False), (None, False), (until, True)):
        role = {"name": "org_owner"} if end is None else {"name": "org_owner", "expiresAt": end}
        update = {"userList": [asked("ann", rolesToAdd=[role]), asked("guest", rolesToAdd=[role])]}
        answer = world.get(CHANGE, guest, update=update)
        expected = "successOrgRolesUsernames" if succeeds else "failedOrgRolesUsernames"
        assert answer == {expected: ["ann", "guest"]}, end
    assert not world.refused(BELOW, ann)
    world.clock.advance(30)
    assert world.refused(BELOW, ann)
    assert world.held(ann) == world.held(guest) == []


def test_a_request_names_a_few_users(world: World) -> None:
    assert world.refused(CHANGE, update={}) == world.refused(CHANGE, update={"userList": []}) == "USERS_MISSING"
    many = [{"userName": f"user {number}"} for number in range(101)]
    assert world.refused(CHANGE, update={"userList": many}) == "TOO_MANY_USERS"
    assert world.refused(CHANGE, world.member, update={"userList": [asked("member", "org_owner")]}) == "FORBIDDEN"


def test_organizations_below_are_seen_by_the_owner_and_end_with_their_deletion(shared_caller: Caller) -> None:
    world = World(shared_caller)
    with world.made.runtime.store.write() as work:
        made = [create_tenant(work, f"{world.name}-{each}", ENTROPY, 1, display_name=each, parent_id=world.id).id
                for each in ("b", "a", "c")]  # fmt: skip
        create_tenant(work, f"{world.name}-deeper", ENTROPY, 1, parent_id=made[0])
        begin_deletion(work, made[2], ENTROPY, 2)
    found = world.get(BELOW)
    assert [(below["name"], below["displayName"], below["id"], below["parentRefLink"]) for below in found] == [
        (f"{world.name}-a", "a", made[1], f"/csp/gateway/am/api/orgs/{world.id}"),
        (f"{world.name}-b", "b", made[0], f"/csp/gateway/am/api/orgs/{world.id}"),
    ]
    assert world.refused(BELOW, world.member) == "FORBIDDEN"
    for method in (BELOW, LIST, "OrganizationService/GetOrganization"):
        hidden = [world.refusal(method, world.owner, orgId=each) for each in (made[0], made[2], SYSTEM_ID, "unknown")]
        assert len(set(hidden)) == 1, "who owns the parent is nobody below"
        assert hidden[0][1] == "TENANT_NOT_FOUND"
