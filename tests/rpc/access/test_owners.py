"""Owners of an organization over native gRPC: service accounts with an owner's rights make no other owner, and no
owner leaves the organization to nobody."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import grpc
import pytest
from google.api import httpbody_pb2
from kit.accounts.director import Director
from kit.accounts.people import PASSWORD, Made, new_person
from kit.accounts.robots import Robots
from kit.callers import Caller, refusal
from kit.platform import VCLOUD, csp_login, swap
from sqlalchemy import delete

from ostiary.directory.groups.membership import add_member
from ostiary.directory.roles.bindings import bind_role
from ostiary.directory.roles.granting import Holder, installation_operator, revoke_role
from ostiary.store.tables import RoleBinding, table_of
from ostiary.store.tenancy import SYSTEM_ID
from ostiary_api.vcloud.v1 import admin_pb2
from ostiary_api.vcloud.v1.admin_pb2_grpc import AdminServiceStub

BINDINGS = table_of(RoleBinding)
OWNER, MEMBER = {"name": "org_owner"}, {"name": "org_member"}
LAST = ("INVALID_ARGUMENT", "LAST_OWNER")
BY_PEOPLE, FORBIDDEN = ("PERMISSION_DENIED", "NOT_GIVEN_BY_SERVICE_ACCOUNTS"), ("PERMISSION_DENIED", "FORBIDDEN")


@pytest.fixture
def here(shared_caller: Caller) -> Director:
    return Director(shared_caller)


def by_api_token(here: Director) -> Made:
    """The owner in a session that its API token has opened."""
    token = csp_login(here.caller, "owner", PASSWORD, flag="x", domain=here.name).refresh_token
    return replace(here.owner, token=swap(here.caller, token).access_token)


def by_service_account(here: Director) -> Made:
    """A service account with the role of an owner."""
    robots = Robots(here.caller, here.tenant_id, here.name, here.owner)
    account_id, tokens = robots.active(scope="urn:vcloud:role:org_owner")
    return Made(account_id, "bot", here.tenant_id, tokens.access_token)


def test_an_owners_api_token_gives_what_the_owner_holds(here: Director) -> None:
    boss = {"username": "boss", "password": PASSWORD, "roleEntityRefs": [OWNER]}
    made = here.ask("UsersService/CreateUser", by_api_token(here), user=boss)
    assert made["roleEntityRefs"][0]["name"] == "org_owner"
    robots = Robots(here.caller, here.tenant_id, here.name, by_api_token(here))
    assert refusal(lambda: robots.register(scope="urn:vcloud:role:org_member"))[1] == "NOT_BY_API_TOKEN"


def test_a_service_account_gives_what_members_may_do_and_no_more(here: Director) -> None:
    who = by_service_account(here)
    new = {"username": "new", "password": PASSWORD, "roleEntityRefs": [MEMBER]}
    made = here.ask("UsersService/CreateUser", who, user=new)
    other, group = here.person("other", "org_owner"), here.ask("GroupsService/CreateGroup", group={"name": "g"})
    here.ask("GroupsService/CreateGroup", group={"name": "owners", "roleEntityRefs": [OWNER]})
    role = here.ask("RolesService/CreateRole", who, role={"name": "r"})
    for method, body in (
        ("UsersService/CreateUser", {"user": {**new, "username": "boss", "roleEntityRefs": [OWNER]}}),
        ("UsersService/UpdateUser", {"id": made["id"], "user": {"username": "new", "roleEntityRefs": [OWNER]}}),
        ("GroupsService/UpdateGroup", {"id": group["id"], "group": {"name": "g", "roleEntityRefs": [OWNER]}}),
        ("RolesService/AddRoleRights", {"id": role["id"], "rights": {"values": [{"name": "organization.own"}]}}),
    ):
        assert here.refused(method, who, **body) == BY_PEOPLE, method
    password = {"id": other.id, "user": {"username": "other", "password": f"new {PASSWORD}", "roleEntityRefs": [OWNER]}}
    assert here.refused("UsersService/UpdateUser", who, **password) == FORBIDDEN
    assert here.refused("UsersService/DeleteUser", who, id=other.id) == FORBIDDEN
    robots = Robots(here.caller, here.tenant_id, here.name, who)
    for scope in ("org_owner", "org_member"):
        assert refusal(lambda scope=scope: robots.register(scope=f"urn:vcloud:role:{scope}"))[1].startswith("NOT_BY_")
    here.ask("UsersService/UpdateUser", **password)


def leave(here: Director) -> dict[str, Callable[[], object]]:
    """Ways in which the owner gives up what it owns the organization by."""
    owner = here.owner
    body = f'<User xmlns="{VCLOUD[1:-1]}"><IsEnabled>false</IsEnabled></User>'.encode()
    request = admin_pb2.UpdateUserRequest(id=owner.id, user=httpbody_pb2.HttpBody(data=body))
    removal = {"org_id": here.tenant_id, "user_id": owner.id, "update": {"roleNamesToRemove": ["org_owner"]}}

    def csp() -> object:
        method = "identity.csp.v1.UserService/UpdateUserRoles"
        return here.caller.ask_with_headers(method, removal, **owner.call)

    return {
        "role": lambda: here.ask(
            "UsersService/UpdateUser", id=owner.id, user={"username": "owner", "roleEntityRefs": [MEMBER]}
        ),
        "disabled": lambda: here.ask(
            "UsersService/UpdateUser", id=owner.id,
            user={"username": "owner", "roleEntityRefs": [OWNER], "enabled": False},
        ),
        "deleted": lambda: here.ask("UsersService/DeleteUser", id=owner.id),
        "xml": lambda: AdminServiceStub(here.caller.channel).UpdateUser(request, **owner.call),
        "csp": csp,
    }  # fmt: skip


def test_the_last_owner_does_not_leave_until_somebody_else_owns_for_good(here: Director) -> None:
    until = here.made.clock.now_ms() + 3_600_000
    idle, soon = here.person("idle", "org_owner"), here.person("soon")
    here.ask("UsersService/UpdateUser", id=idle.id,
             user={"username": "idle", "roleEntityRefs": [OWNER], "enabled": False})  # fmt: skip
    with here.made.runtime.store.write() as work:
        bind_role(work, here.tenant_id, soon.id, "org_owner", here.made.clock.now_ms(), expires_at=until)
    ways = leave(here)
    for way, do in ways.items():
        code, reason = refusal(do)
        assert (code.name, reason) == LAST, way
    outer = here.ask("GroupsService/CreateGroup", group={"name": "outer", "roleEntityRefs": [OWNER]})
    inner = here.ask("GroupsService/CreateGroup", group={"name": "inner"})
    with here.made.runtime.store.write() as work:
        ids = [one["id"].rpartition(":")[2] for one in (outer, inner)]
        now_ms = here.made.clock.now_ms()
        add_member(work, here.tenant_id, ids[0], Holder(ids[1], "Group"), installation_operator, now_ms)
        add_member(work, here.tenant_id, ids[1], Holder(here.member.id), installation_operator, now_ms)
    ways["role"]()
    assert here.ask("UsersService/GetUser", id=here.owner.id)["roleEntityRefs"][0]["name"] == "org_member"


def test_a_group_by_which_the_last_owner_owns_stays(here: Director) -> None:
    group = here.ask("GroupsService/CreateGroup", group={"name": "owners", "roleEntityRefs": [OWNER]})
    group_id = group["id"].rpartition(":")[2]
    with here.made.runtime.store.write() as work:
        now_ms = here.made.clock.now_ms()
        add_member(work, here.tenant_id, group_id, Holder(here.owner.id), installation_operator, now_ms)
        revoke_role(work, here.tenant_id, Holder(here.owner.id), "org_owner", installation_operator)
    assert here.refused("GroupsService/DeleteGroup", id=group_id) == LAST
    here.ask("UsersService/DeleteUser", here.operator, here.tenant_id, id=here.owner.id)


def test_of_two_owners_who_leave_at_once_one_stays(here: Director) -> None:
    second = here.person("second", "org_owner")
    refused: list[str] = []

    def go(who: Made) -> None:
        try:
            here.ask("UsersService/DeleteUser", who, id=who.id)
        except grpc.RpcError as error:
            refused.append(error.details() or "")

    threads = [threading.Thread(target=go, args=(who,)) for who in (here.owner, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1, refused


def test_the_last_operator_stays(here: Director) -> None:
    user, operator = {"username": here.operator.name, "roleEntityRefs": [MEMBER]}, here.operator
    with here.made.runtime.store.write() as work:
        others = delete(BINDINGS).where(BINDINGS.c.tenant_id == SYSTEM_ID, BINDINGS.c.holder_id != operator.id)
        work.run(others)
    assert here.refused("UsersService/UpdateUser", operator, id=operator.id, user=user) == LAST
    assert here.refused("UsersService/DeleteUser", operator, id=operator.id) == LAST
    new_person(here.made, SYSTEM_ID, f"next-{here.name}", "platform_operator")
    here.ask("UsersService/DeleteUser", operator, id=operator.id)
