"""Rights that come from groups, from stored roles and for a time, as requests meet them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import grpc
import pytest
from joserfc import jws
from kit.accounts.people import PASSWORD, Made, new_client, new_person
from kit.callers import Caller, refusal
from kit.servers.installation import ENTROPY

from ostiary.access.api_keys import create_api_key, find_api_key, revoke_api_key
from ostiary.access.principals import Principal, PrincipalKind
from ostiary.directory.groups.membership import add_member
from ostiary.directory.roles.bindings import bind_role
from ostiary.directory.roles.built_in import BUILT_IN
from ostiary.directory.roles.granting import Holder, grant_role, installation_operator, revoke_role
from ostiary.directory.roles.permissions import NONE, Permission, Permissions, for_good
from ostiary.directory.roles.stored_roles import RoleDefinition, create_stored_role
from ostiary.directory.users.operators import list_operators
from ostiary.errors import DomainError
from ostiary.store.tables import GROUP, Group, User
from ostiary.store.tenancy import SYSTEM_ID
from ostiary.store.work import Work

LIST_USERS = "identity.csp.v1.OrganizationUsersService/ListUsersV2"
READ_SETTINGS = "identity.appid.management.v4.TokensService/GetTokensConfig"
DENIED = (grpc.StatusCode.PERMISSION_DENIED, "FORBIDDEN")
OK = (grpc.StatusCode.OK, "")


class Rights:
    """Changes of rights in the organization of a caller, as its operator makes them, and what they open."""

    def __init__(self, caller: Caller) -> None:
        self.caller, self.made = caller, caller.installation
        self.tenant_id = self.made.tenant_id

    def change(self, what: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        with self.made.runtime.store.write() as work:
            return what(work, self.tenant_id, *arguments, giver=installation_operator, **named)

    def team(self, *members: str, role: str = "", expires_at: int | None = None) -> Holder:
        """A group inside of another one, which holds the role."""
        with self.made.runtime.store.write() as work:
            for name in ("team", "department"):
                work.add(Group(id=name, tenant_id=self.tenant_id, display_name=name, display_name_key=name,
                               created_at=1, modified_at=1))  # fmt: skip
        department, now_ms = Holder("department", GROUP), self.made.clock.now_ms()
        self.change(add_member, "department", Holder("team", GROUP), now_ms=now_ms)
        for member in members:
            self.change(add_member, "team", Holder(member), now_ms=now_ms)
        self.change(grant_role, department, role, now_ms=now_ms, expires_at=expires_at)
        return department

    def asked(self, method: str, who: dict[str, Any]) -> tuple[grpc.StatusCode, str]:
        named = {LIST_USERS: "orgId", READ_SETTINGS: "tenantId"}[method]
        return refusal(partial(self.caller.ask, method, {named: self.tenant_id}, **who))


@pytest.fixture
def rights(caller: Caller) -> Rights:
    return Rights(caller)


@pytest.fixture
def bob(caller: Caller) -> Made:
    return new_person(caller.installation, caller.installation.tenant_id, "bob")


def test_a_role_of_a_group_opens_and_closes_with_the_next_request(rights: Rights, bob: Made) -> None:
    assert rights.asked(LIST_USERS, bob.call) == DENIED
    department = rights.team(bob.id, role="org_member")
    assert rights.asked(LIST_USERS, bob.call) == OK
    rights.change(revoke_role, department, "org_member")
    assert rights.asked(LIST_USERS, bob.call) == DENIED


@pytest.mark.own_installation
def test_an_expired_role_gives_nothing_from_its_moment_on(rights: Rights, bob: Made) -> None:
    rights.team(bob.id, role="org_member", expires_at=rights.made.clock.now_ms() + 5_000)
    seen = []
    for _ in range(3):
        seen.append(rights.asked(LIST_USERS, bob.call))
        rights.made.clock.advance(2.5)
    assert seen == [OK, OK, DENIED]


def test_a_stored_role_opens_what_it_permits_and_nothing_else(rights: Rights, bob: Made) -> None:
    definition = RoleDefinition("auditor", permissions=frozenset({Permission.TENANT_READ}))
    now_ms = rights.made.clock.now_ms()
    role = rights.change(create_stored_role, definition, entropy=ENTROPY, now_ms=now_ms)
    assert rights.asked(READ_SETTINGS, bob.call) == DENIED
    rights.change(grant_role, Holder(bob.id), role.id, now_ms=now_ms)
    assert (rights.asked(READ_SETTINGS, bob.call), rights.asked(LIST_USERS, bob.call)) == (OK, DENIED)
    session = rights.caller.ask("identity.cloudapi.v1.SessionsService/GetCurrentSession", {}, **bob.call)
    assert session["roles"] == ["auditor"]
    assert [reference["id"] for reference in session["roleRefs"]] == [f"urn:vcloud:role:{role.id}"]


@pytest.mark.own_installation
def test_lists_and_tokens_show_all_that_a_user_holds_and_lists_how(rights: Rights, bob: Made) -> None:
    owner = new_person(rights.made, rights.tenant_id, "owner", "org_owner")
    rights.team(bob.id, role="org_member")
    listed = rights.caller.ask(LIST_USERS, {"orgId": rights.tenant_id}, **owner.call)["results"]
    shown = {
        one["user"]["userId"]: [(role["name"], role["membershipType"]) for role in one["organizationRoles"]]
        for one in listed
    }
    assert shown == {bob.id: [("org_member", "GROUP")], owner.id: [("org_owner", "DIRECT")]}
    login = {"credentials": {"username": "bob@example.com", "password": PASSWORD}}
    token = rights.caller.ask("identity.csp.v1.LoginService/Login", login, timeout=20)["cspAuthToken"]
    assert b'"perms":["csp:org_member"]' in jws.extract_compact(token.encode()).payload


@pytest.mark.own_installation
def test_an_owner_by_a_group_is_out_of_a_writers_reach(rights: Rights, bob: Made) -> None:
    method = "identity.appid.management.v4.CloudDirectoryUsersService/DeleteCloudDirectoryUser"
    delete = partial(rights.caller.ask, method, {"tenantId": rights.tenant_id, "userId": bob.id})
    rights.team(bob.id, role="org_owner")
    assert refusal(partial(delete, "writer")) == DENIED
    assert refusal(partial(delete, "manager")) == OK


@pytest.mark.own_installation
def test_an_operator_by_a_group_is_listed(rights: Rights) -> None:
    rights.tenant_id = SYSTEM_ID
    root = new_person(rights.made, SYSTEM_ID, "root")
    rights.team(root.id, role="platform_operator")
    with rights.made.runtime.store.read() as work:
        assert [one.id for one in list_operators(work, rights.made.clock.now_ms())] == [root.id]
    assert rights.caller.ask(LIST_USERS, {"orgId": rights.made.tenant_id}, **root.call)["totalResults"] == 0


class Givers:
    """What callers may give at the moment of a change."""

    def __init__(self, caller: Caller) -> None:
        self.made, self.runtime = caller.installation, caller.installation.runtime

    def held(self, principal: Principal) -> Permissions | str:
        giver = self.runtime.oauth.authentication.giver(principal, self.made.tenant_id)
        with self.runtime.store.write() as work:
            try:
                return frozenset(giver(work))
            except DomainError as refused:
                return refused.reason

    def change(self, what: Callable[[Work], object]) -> None:
        with self.runtime.store.write() as work:
            what(work)


def test_what_a_giver_holds_is_what_is_left_when_the_change_begins(caller: Caller) -> None:
    givers, home = Givers(caller), caller.installation.tenant_id
    owner = BUILT_IN["org_owner"].permissions
    ann = new_person(caller.installation, home, "ann", "org_owner")
    user = Principal(PrincipalKind.USER, ann.id, home, permissions=owner)
    assert givers.held(user) == owner
    end = caller.installation.clock.now_ms() + 60_000
    givers.change(lambda work: grant_role(work, home, Holder(ann.id), "org_owner", installation_operator, 0, end))
    giver = givers.runtime.oauth.authentication.giver(user, home)
    with givers.runtime.store.read() as work:
        assert giver(work) == dict.fromkeys(owner, end) | for_good({Permission.ACCOUNT_OWN})
    givers.change(lambda work: revoke_role(work, home, Holder(ann.id), "org_owner", installation_operator))
    assert givers.held(user) == {Permission.ACCOUNT_OWN}

    def deactivate(work: Work) -> None:
        row = work.get(User, ann.id, lock=True)
        assert row is not None
        row.active = False

    givers.change(deactivate)
    assert givers.held(user) == "INVALID_TOKEN"


def test_a_revoked_key_and_a_client_off_the_list_give_nothing(caller: Caller) -> None:
    givers, home, now_ms = Givers(caller), caller.installation.tenant_id, caller.installation.clock.now_ms()
    with givers.runtime.store.write() as work:
        _, secret = create_api_key(work, home, "key", "manager", ENTROPY, now_ms)
        found = find_api_key(work, secret)
    assert found is not None
    key = Principal(PrincipalKind.API_KEY, found[0], home, permissions=BUILT_IN["manager"].permissions)
    assert givers.held(key) == key.permissions
    givers.change(lambda work: revoke_api_key(work, home, found[0], now_ms))
    assert givers.held(key) == "INVALID_TOKEN"
    for allowed in (True, False):
        robot = new_client(caller.installation, home, service_account=allowed)
        client = Principal(PrincipalKind.CLIENT, robot.id, home, permissions=BUILT_IN["service_account"].permissions)
        assert givers.held(client) == (client.permissions if allowed else NONE)
    assert givers.held(Principal(PrincipalKind.ANONYMOUS)) == NONE


@pytest.mark.own_installation
def test_only_an_operator_gives_in_somebody_elses_organization(caller: Caller) -> None:
    givers, other = Givers(caller), caller.installation.new_tenant("other")
    stranger = new_person(caller.installation, other, "eve", "org_owner")
    root = new_person(caller.installation, SYSTEM_ID, "root")
    givers.change(lambda work: bind_role(work, SYSTEM_ID, root.id, "platform_operator", 1))
    held = BUILT_IN["platform_operator"].permissions
    eve = Principal(PrincipalKind.USER, stranger.id, other, permissions=BUILT_IN["org_owner"].permissions)
    assert givers.held(eve) == NONE
    assert givers.held(Principal(PrincipalKind.USER, root.id, SYSTEM_ID, permissions=held)) == held
