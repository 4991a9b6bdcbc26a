"""Users of cloudapi: made, found, changed, deleted; and the same people in other dialects."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from kit.accounts.director import NOBODY, Director
from kit.accounts.people import PASSWORD, Made
from kit.callers import Caller, refusal
from kit.platform import vcd_login

from ostiary.directory.roles.bindings import bind_role
from ostiary.directory.users.changes import update_user
from ostiary.directory.users.input import UserChange
from ostiary.directory.users.users import get_user

URN = "urn:vcloud:user:"
NEW_PASSWORD = "another horse battery staple"


@pytest.fixture
def director(shared_caller: Caller) -> Director:
    return Director(shared_caller)


def make(director: Director, name: str = "ann", *roles: str, **facts: Any) -> dict[str, Any]:
    named = [{"name": role} for role in roles or ("org_member",)]
    user = {"username": name, "roleEntityRefs": named, "password": PASSWORD, **facts}
    return director.ask("UsersService/CreateUser", user=user)


def put(director: Director, user: dict[str, Any], who: Made | None = None, **change: Any) -> dict[str, Any]:
    return director.ask("UsersService/UpdateUser", who, id=user["id"], user=sent(user, **change))


def sent(user: dict[str, Any], **change: Any) -> dict[str, Any]:
    """A user as clients send it back: what they have read, with a change in it."""
    return {**{name: value for name, value in user.items() if name != "id"}, **change}


def signs_in(director: Director, name: str, password: str) -> bool:
    code, _ = refusal(lambda: vcd_login(director.caller, f"{name}@{director.name}", password))
    assert code in (grpc.StatusCode.OK, grpc.StatusCode.UNAUTHENTICATED)
    return code is grpc.StatusCode.OK


def names(listed: dict[str, Any], field: str = "roleEntityRefs") -> list[str]:
    return [one["name"] for one in listed[field]]


def test_an_owner_makes_a_user_who_signs_in_and_is_shown_as_described(director: Director) -> None:
    user = {
        "username": "ann", "roleEntityRefs": [{"name": "org_member"}], "password": PASSWORD, "providerType": "LOCAL",
        "givenName": "Ann", "familyName": "Other", "fullName": "The Ann", "description": "Tests", "locked": False,
        "email": "Ann@example.com", "phone": "+49 30 1",
        "orgEntityRef": {"id": f"urn:vcloud:org:{director.tenant_id}", "name": director.name},
    }  # fmt: skip
    made, headers = director.answered("UsersService/CreateUser", user=user)
    shown = {name: value for name, value in user.items() if name not in ("password", "roleEntityRefs")}
    assert {name: made[name] for name in shown} == shown
    assert "password" not in made
    assert (made["enabled"], made["nameInSource"], made["domain"]) == (True, "ann", director.name)
    assert names(made) == names(made, "effectiveRoleEntityRefs") == ["org_member"]
    assert headers["content-location"].endswith(f"/cloudapi/1.0.0/users/{made['id']}")
    assert director.ask("UsersService/GetUser", director.member, id=made["id"]) == made
    assert signs_in(director, "ann", PASSWORD)


def test_an_owner_for_an_hour_does_not_act_as_one_who_stays(director: Director) -> None:
    guest, now_ms = director.person("guest"), director.made.clock.now_ms()
    with director.made.runtime.store.write() as work:
        bind_role(work, director.tenant_id, guest.id, "org_owner", now_ms, expires_at=now_ms + 3_600_000)
    lasting, member = (
        director.ask("UsersService/GetUser", id=f"{URN}{one.id}") for one in (director.owner, director.member)
    )
    refused = ("PERMISSION_DENIED", "FORBIDDEN")
    change = {"id": lasting["id"], "user": sent(lasting, password=NEW_PASSWORD)}
    assert director.refused("UsersService/UpdateUser", guest, **change) == refused
    assert director.refused("UsersService/DeleteUser", guest, id=lasting["id"]) == refused
    own = director.ask("UsersService/GetUser", guest, id=f"{URN}{guest.id}")
    for user in (member, own):
        assert put(director, user, guest, password=NEW_PASSWORD)["id"] == user["id"]
    assert signs_in(director, "owner", PASSWORD)


def test_what_was_read_is_sent_back_and_changes_nothing(director: Director) -> None:
    made = make(director, email="ann@example.com", description="Tests", phone="1", fullName="x")
    assert put(director, made) == made
    assert put(director, made, password="******", nameInSource="ann") == made
    assert signs_in(director, "ann", PASSWORD)
    assert not signs_in(director, "ann", "******")


def test_a_rename_as_terraform_sends_it_leaves_the_password_alone(director: Director) -> None:
    made = make(director)
    renamed = put(director, made, username="anna", nameInSource="ann", password="******")
    assert (renamed["username"], renamed["nameInSource"]) == ("anna", "anna")
    assert signs_in(director, "anna", PASSWORD)
    assert not signs_in(director, "ann", PASSWORD)


def test_what_is_left_out_stays(director: Director) -> None:
    made = make(director, email="ann@example.com", description="Tests", givenName="Ann", phone="1")
    asked = {"username": "ann", "roleEntityRefs": made["roleEntityRefs"]}
    assert director.ask("UsersService/UpdateUser", id=made["id"], user=asked) == made
    cleared = put(director, made, email="", description="", phone="")
    assert (cleared["email"], cleared["description"], cleared["phone"]) == ("", "", "")


def test_a_new_password_ends_what_the_old_one_opened(director: Director) -> None:
    made, _ = make(director), signs_in(director, "ann", PASSWORD)
    _, token = vcd_login(director.caller, f"ann@{director.name}", PASSWORD)
    put(director, made, password=NEW_PASSWORD)
    ann = Made(made["id"].removeprefix(URN), "ann", director.tenant_id, token)
    assert director.refused("UsersService/ListUsers", ann)[0] == "UNAUTHENTICATED"
    assert signs_in(director, "ann", NEW_PASSWORD)
    assert not signs_in(director, "ann", PASSWORD)


def test_a_disabled_user_is_out_at_once_and_comes_back(director: Director) -> None:
    made = make(director)
    _, token = vcd_login(director.caller, f"ann@{director.name}", PASSWORD)
    assert put(director, made, enabled=False)["enabled"] is False
    ann = Made(made["id"].removeprefix(URN), "ann", director.tenant_id, token)
    assert director.refused("UsersService/ListUsers", ann)[0] == "UNAUTHENTICATED"
    assert not signs_in(director, "ann", PASSWORD)
    put(director, made, enabled=True)
    assert signs_in(director, "ann", PASSWORD)


def test_a_lock_is_cleared_and_never_set(director: Director) -> None:
    made = make(director)
    assert director.refused("UsersService/UpdateUser", id=made["id"], user=sent(made, locked=True))[1] == "CANNOT_LOCK"
    user_id, now_ms = made["id"].removeprefix(URN), director.made.clock.now_ms()
    with director.made.runtime.store.write() as work:
        user = get_user(work, director.tenant_id, user_id)
        change = UserChange(display_name=user.display_name, locked_until=now_ms + 60_000)
        update_user(work, director.tenant_id, user_id, change, now_ms)
    locked = director.ask("UsersService/GetUser", id=made["id"])
    assert locked["locked"] is True
    listed = director.ask("UsersService/ListUsers", filter="locked==true")
    assert [one["id"] for one in listed["values"]] == [made["id"]]
    assert put(director, locked)["locked"] is True
    assert put(director, locked, enabled=False)["locked"] is True
    assert put(director, locked, locked=False, enabled=False)["locked"] is False
    put(director, locked, locked=False, enabled=True)
    assert signs_in(director, "ann", PASSWORD)


def test_roles_are_those_that_the_request_names(director: Director) -> None:
    own = director.ask("RolesService/CreateRole", role={"name": "Auditor"})
    made = make(director, "ann", "org_member", "Auditor")
    assert sorted(names(made)) == ["Auditor", "org_member"]
    by_id = put(director, made, roleEntityRefs=[{"id": own["id"]}])
    assert names(by_id) == ["Auditor"]
    director.ask("RolesService/UpdateRole", id=own["id"], role={"name": "Inspector"})
    assert names(director.ask("UsersService/GetUser", id=made["id"])) == ["Inspector"]
    assert put(director, by_id, roleEntityRefs=[], inheritGroupRoles=True)["roleEntityRefs"] == []


@pytest.mark.parametrize("role", ["platform_operator", "service_account", "nothing"])
def test_no_role_of_elsewhere_can_be_given(director: Director, role: str) -> None:
    user = {"username": "ann", "roleEntityRefs": [{"name": role}]}
    assert director.refused("UsersService/CreateUser", user=user) == ("INVALID_ARGUMENT", "INVALID_ROLE_REFERENCE")
    assert director.ask("UsersService/ListUsers", filter="username==ann")["values"] == []


def test_nobody_gives_what_they_do_not_hold_nor_touches_who_holds_more(director: Director) -> None:
    beyond = director.ask("RolesService/CreateRole", role={"name": "Beyond"})
    director.ask("RolesService/AddRoleRights", director.operator, director.tenant_id, id=beyond["id"],
                 rights={"values": [{"name": "tenant.manage"}]})  # fmt: skip
    user = {"username": "ann", "roleEntityRefs": [{"name": "Beyond"}], "password": PASSWORD}
    assert director.refused("UsersService/CreateUser", user=user) == ("PERMISSION_DENIED", "FORBIDDEN")
    made = director.ask("UsersService/CreateUser", director.operator, director.tenant_id, user=user)
    for method, body in (("UpdateUser", {"user": sent(made, password=NEW_PASSWORD)}), ("DeleteUser", {})):
        assert director.refused(f"UsersService/{method}", id=made["id"], **body)[0] == "PERMISSION_DENIED", method
    assert signs_in(director, "ann", PASSWORD)


def test_a_member_changes_the_own_password_and_nothing_else(director: Director) -> None:
    _, token = (make(director), vcd_login(director.caller, f"ann@{director.name}", PASSWORD)[1])
    own = director.ask("UsersService/ListUsers", filter="username==ann")["values"][0]
    ann = Made(own["id"].removeprefix(URN), "ann", director.tenant_id, token)
    for change in (
        {"username": "anna"}, {"email": "x@example.com"}, {"enabled": False}, {"fullName": "x"}, {"description": "x"},
        {"roleEntityRefs": [{"name": "org_owner"}]}, {"managerEntityRef": {"id": own["id"]}}, {"phone": "1"},
    ):  # fmt: skip
        asked = {"id": own["id"], "user": sent(own, **change)}
        assert director.refused("UsersService/UpdateUser", ann, **asked) == ("PERMISSION_DENIED", "FORBIDDEN"), change
    other = make(director, "bob")
    stranger = {"id": other["id"], "user": sent(other, password=NEW_PASSWORD)}
    assert director.refused("UsersService/UpdateUser", ann, **stranger) == ("PERMISSION_DENIED", "FORBIDDEN")
    unknown = {"id": f"{URN}{NOBODY}", "user": sent(other)}
    assert director.refused("UsersService/UpdateUser", ann, **unknown) == ("PERMISSION_DENIED", "FORBIDDEN")
    put(director, own, ann, password=NEW_PASSWORD)
    assert signs_in(director, "ann", NEW_PASSWORD)
    assert signs_in(director, "bob", PASSWORD)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"username": ""}, "FIELD_MISSING"), ({"username": "x" * 257}, "INVALID_USERNAME"),
        ({"username": "TAKEN"}, "USERNAME_TAKEN"), ({"email": "taken@example.com"}, "EMAIL_TAKEN"),
        ({"email": "no address"}, "INVALID_EMAIL"), ({"roleEntityRefs": []}, "ROLE_MISSING"),
        ({"providerType": "LDAP"}, "PROVIDER_TYPE_NOT_OFFERED"), ({"locked": True}, "CANNOT_LOCK"),
        ({"password": "short"}, "INVALID_PASSWORD"), ({"description": "x" * 1001}, "INVALID_FIELD"),
        ({"orgEntityRef": {"id": f"urn:vcloud:org:{NOBODY}"}}, "ORG_MISMATCH"),
        ({"managerEntityRef": {"id": "x"}}, "INVALID_MANAGER"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_user_is_refused(director: Director, facts: Any, reason: str) -> None:
    make(director, "taken", email="taken@example.com")
    user = {"username": "ann", "roleEntityRefs": [{"name": "org_member"}], "password": PASSWORD, **facts}
    assert director.refused("UsersService/CreateUser", user=user)[1] == reason
    assert director.ask("UsersService/ListUsers", filter="username==ann")["values"] == []


def test_a_deleted_user_is_gone_everywhere(director: Director) -> None:
    made = make(director)
    director.ask("UsersService/DeleteUser", id=made["id"])
    assert not signs_in(director, "ann", PASSWORD)
    assert director.refused("UsersService/GetUser", id=made["id"]) == ("NOT_FOUND", "USER_NOT_FOUND")
    assert make(director)["id"] != made["id"]


def test_a_user_of_another_organization_looks_like_none(director: Director) -> None:
    foreign = make(Director(director.caller))
    for method, body in (("GetUser", {}), ("UpdateUser", {"user": {"username": "x"}}), ("DeleteUser", {}),
                         ("ListUserGroups", {})):  # fmt: skip
        seen = {
            director.refused(f"UsersService/{method}", id=named, **body)
            for named in (foreign["id"], f"{URN}{NOBODY}", "nonsense")
        }
        assert seen == {("NOT_FOUND", "USER_NOT_FOUND")}, method


def test_somebody_who_came_by_another_dialect_is_changed_here_and_seen_there(director: Director) -> None:
    """App ID's directory makes ann, cloudapi renames her, SCIM's words for her are the same."""
    ann = director.person("ann")
    shown = director.ask("UsersService/GetUser", id=f"{URN}{ann.id}")
    assert (shown["username"], shown["email"], shown["roleEntityRefs"]) == ("ann", "ann@example.com", [])
    manager = {"id": f"{URN}{director.owner.id}", "name": "The owner"}
    changed = put(director, shown, username="anna", email="anna@example.com", managerEntityRef=manager,
                  description="Kept", roleEntityRefs=[{"name": "org_member"}])  # fmt: skip
    assert changed["managerEntityRef"] == manager
    with director.made.runtime.store.write() as work:
        user = get_user(work, director.tenant_id, ann.id)
        assert (user.user_name, user.email, user.email_verified) == ("anna", "anna@example.com", True)
        # Another dialect replaces the attributes that it knows.
        change = UserChange(display_name="By SCIM", given_name="A", further={"title": "Dr"})
        update_user(work, director.tenant_id, ann.id, change, director.made.clock.now_ms())
    after = director.ask("UsersService/GetUser", id=changed["id"])
    assert (after["fullName"], after["givenName"], after["description"]) == ("By SCIM", "A", "Kept")
    assert "managerEntityRef" not in after
