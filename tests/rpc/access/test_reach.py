"""Nobody acts on a person who holds more than the caller: asked of every RPC that touches what somebody signs in with,
is or holds, made from the rules. Of App ID's management; the other dialects, in which only owners change people, have
cases of their own."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import grpc
import pytest
from contract.served import RPCS
from kit.accounts.directory import Json, body
from kit.accounts.people import PASSWORD, Made, new_person
from kit.callers import Caller, refusal
from kit.patience import PATIENCE_S
from kit.servers.installation import ENTROPY

from ostiary.directory.groups.groups import GroupDescription, create_group
from ostiary.directory.groups.membership import add_member
from ostiary.directory.profiles.linking import profile_at_sign_in
from ostiary.directory.roles.granting import Holder, grant_role, installation_operator
from ostiary.directory.signin.admission import signed_in_as
from ostiary.directory.users.users import find_user
from ostiary.store.tables import GROUP

FORM = "application/x-www-form-urlencoded"
FORBIDDEN = (grpc.StatusCode.PERMISSION_DENIED, "FORBIDDEN")
MANAGEMENT = "identity.appid.management.v4"
PERSONAL = sorted(
    rpc.name.removeprefix(f"{MANAGEMENT}.")
    for rpc in RPCS
    if rpc.rules.person is not None and rpc.name.startswith(MANAGEMENT)
)
NEW = "a new password for the owner"


def mail(user: Made) -> str:
    return f"{user.name}@example.com"


Ask = Callable[[Made, str], Json]
"""A user and the id of its profile → a request about it."""
REQUESTS: dict[str, list[Ask]] = {
    "SelfServiceService/ChangePassword": [
        lambda user, _: {"form": body({"uuid": user.id, "newPassword": NEW})},
        lambda user, _: {"form": body(f"uuid={user.id}&newPassword={NEW}", FORM)},
        lambda user, _: {"form": body(f"newPassword=x&uuid={user.id}&changedIpAddress={'9' * 300}", FORM)},
    ],
    "SelfServiceService/StartForgotPassword": [
        lambda user, _: {"form": body({"user": mail(user)})},
        lambda user, _: {"form": body({"email": mail(user).upper(), "user": "nobody@example.com"})},
        lambda user, _: {"form": body(f"user={mail(user)}", FORM), "language": "xx"},
    ],
    "SelfServiceService/ResendNotification": [
        lambda user, _: {"templateName": "RESET_PASSWORD", "form": body({"uuid": user.id})},
        lambda user, _: {"templateName": "WELCOME", "form": body(f"uuid={user.id}", FORM)},
    ],
    "CloudDirectoryUsersService/UpdateCloudDirectoryUser": [
        lambda user, _: {"userId": user.id, "user": {"emails": [{"value": mail(user)}], "active": False}},
        lambda user, _: {"userId": user.id, "user": {"status": "PENDING"}},
        lambda user, _: {"userId": user.id, "user": {"emails": [{"value": "writer@example.com"}]}},
    ],
    "CloudDirectoryUsersService/InvalidateUserSsoSessions": [lambda user, _: {"userId": user.id}],
    "MfaService/RemoveUserFactor": [lambda user, _: {"userId": user.id, "factorId": user.id}],
    "UsersService/PreRegisterUser": [
        lambda user, _: {"user": body({"idp": "cloud_directory", "idp-identity": mail(user)})},
        lambda user, _: {"user": body({"idp": "cloud_directory", "idp-identity": user.id}, "text/plain")},
    ],
    "UsersService/UpdateUserProfile": [lambda _, profile: {"id": profile, "profile": body({"attributes": {"a": "b"}})}],
    "UsersService/UpdateUserRoles": [lambda _, profile: {"id": profile, "assignment": {"roles": {"ids": []}}}],
    "UsersService/RevokeUserRefreshTokens": [lambda _, profile: {"id": profile}],
    "UsersService/DeleteUserProfile": [lambda _, profile: {"id": profile}],
    "CloudDirectoryTransferService/BulkRemoveCloudDirectoryUsers": [
        lambda user, _: {"selection": {"ids": [user.id]}},
        lambda user, _: {"selection": {"ids": ["00000000-0000-4000-8000-000000000000", user.id]}},
    ],
    "CloudDirectoryUsersService/DeleteCloudDirectoryUser": [lambda user, _: {"userId": user.id}],
    "CloudDirectoryUsersService/RemoveCloudDirectoryUser": [lambda user, _: {"userId": user.id}],
}


@pytest.fixture
def ask(caller: Caller) -> Callable[[str, Json, str], Json]:
    tenant_id = caller.installation.tenant_id

    def asked(method: str, request: Json, role: str) -> Json:
        return caller.ask(f"{MANAGEMENT}.{method}", {"tenantId": tenant_id, **request}, role)

    return asked


def with_profile(caller: Caller, name: str, *roles: str) -> tuple[Made, str]:
    made = caller.installation
    user = new_person(made, made.tenant_id, name, *roles)
    with made.runtime.store.write() as work:
        view = find_user(work, made.tenant_id, user.id)
        assert view is not None
        signed_in = signed_in_as(view, mail(user))
        return user, profile_at_sign_in(work, signed_in, ENTROPY, made.clock.now_ms()).id


def test_the_table_has_every_rpc_about_a_person() -> None:
    assert sorted(REQUESTS) == PERSONAL


@pytest.mark.parametrize("method", REQUESTS)
def test_a_writer_reaches_everybody_but_those_who_hold_more(
    caller: Caller, ask: Callable[[str, Json, str], Json], method: str
) -> None:
    roles = {"owner": ("org_owner",), "both": ("org_owner", "org_member"), "member": ("org_member",), "nobody": ()}
    people = {name: with_profile(caller, name, *held) for name, held in roles.items()}
    for make in REQUESTS[method]:
        for name in ("owner", "both"):
            assert refusal(partial(ask, method, make(*people[name]), "writer")) == FORBIDDEN, name
            assert refusal(partial(ask, method, make(*people[name]), "reader")) == FORBIDDEN, name
        for name in ("member", "nobody"):
            assert refusal(partial(ask, method, make(*people[name]), "writer"))[1] != "FORBIDDEN", name
    for make in REQUESTS[method]:
        for role in ("manager", "operator"):
            assert refusal(partial(ask, method, make(*people["owner"]), role))[1] != "FORBIDDEN", role


@pytest.mark.own_installation
def test_what_was_refused_has_changed_nothing(caller: Caller, ask: Callable[[str, Json, str], Json]) -> None:
    owner, profile = with_profile(caller, "owner", "org_owner")
    export = "CloudDirectoryTransferService/ExportCloudDirectoryUsers"
    before = ask(export, {"encryption_secret": "x" * 20}, "manager")
    for method, requests in REQUESTS.items():
        for make in requests:
            assert refusal(partial(ask, method, make(owner, profile), "writer")) == FORBIDDEN
    after = ask(export, {"encryption_secret": "x" * 20}, "manager")
    assert without_hashes(before) == without_hashes(after)
    assert signs_in(caller, mail(owner), PASSWORD)
    assert not signs_in(caller, mail(owner), NEW)


def without_hashes(answer: Json) -> Any:
    users = json.loads(base64.b64decode(answer["data"]))["users"]
    return [{**user, "passwordHash": ""} for user in users]


def signs_in(caller: Caller, name: str, password: str) -> bool:
    login = {"credentials": {"username": name, "password": password}}
    return refusal(lambda: caller.ask("identity.csp.v1.LoginService/Login", login, timeout=20))[0] is grpc.StatusCode.OK


def test_a_refusal_looks_like_that_of_any_role_that_is_too_small(
    caller: Caller, ask: Callable[[str, Json, str], Json]
) -> None:
    owner, _ = with_profile(caller, "owner", "org_owner")
    request = {"userId": owner.id}
    seen = []
    for role in ("writer", "reader"):
        with pytest.raises(grpc.RpcError) as refused:
            ask("CloudDirectoryUsersService/DeleteCloudDirectoryUser", request, role)
        seen.append((refused.value.code(), refused.value.details(), refused.value.trailing_metadata()))
    assert seen[0] == seen[1]


def test_a_pre_registered_profile_of_an_owner_is_out_of_reach_too(
    caller: Caller, ask: Callable[[str, Json, str], Json]
) -> None:
    owner = new_person(caller.installation, caller.installation.tenant_id, "owner", "org_owner")
    waiting = {"user": body({"idp": "cloud_directory", "idp-identity": mail(owner)})}
    profile = ask("UsersService/PreRegisterUser", waiting, "manager")["id"]
    change = {"id": profile, "profile": body({"attributes": {"a": "b"}})}
    assert refusal(partial(ask, "UsersService/UpdateUserProfile", change, "writer")) == FORBIDDEN
    assert refusal(partial(ask, "UsersService/UpdateUserProfile", change, "manager"))[0] is grpc.StatusCode.OK
    elsewhere = {"user": body({"idp": "google", "idp-identity": mail(owner)})}
    assert refusal(partial(ask, "UsersService/PreRegisterUser", elsewhere, "writer"))[0] is grpc.StatusCode.OK


def test_who_is_unknown_is_not_found_as_before(ask: Callable[[str, Json, str], Json]) -> None:
    nobody = Made("00000000-0000-4000-8000-000000000000", "unknown", "", "")
    for method, requests in REQUESTS.items():
        for make in requests:
            assert refusal(partial(ask, method, make(nobody, nobody.id), "writer"))[1] != "FORBIDDEN", method


@pytest.mark.own_installation
@pytest.mark.parametrize(
    "method", ["SelfServiceService/ChangePassword", "CloudDirectoryUsersService/DeleteCloudDirectoryUser"]
)
@pytest.mark.parametrize("through", ["role", "group"])
def test_who_gets_more_rights_meanwhile_is_out_of_reach_when_the_change_begins(
    caller: Caller, ask: Callable[[str, Json, str], Json], method: str, through: str
) -> None:
    made = caller.installation
    tenant_id, store, now_ms = made.tenant_id, made.runtime.store, made.clock.now_ms()
    user, profile = with_profile(caller, "rising")
    with store.write() as work:
        group = create_group(work, tenant_id, GroupDescription("staff"), ENTROPY, now_ms)
        add_member(work, tenant_id, group.id, Holder(user.id), installation_operator, now_ms)
    holder = Holder(user.id) if through == "role" else Holder(group.id, GROUP)
    request = REQUESTS[method][0](user, profile)
    with ThreadPoolExecutor(1) as pool:
        with store.write() as work:
            grant_role(work, tenant_id, holder, "org_owner", installation_operator, now_ms)
            asked = pool.submit(refusal, partial(ask, method, request, "writer"))
            with pytest.raises(TimeoutError):  # it waits for the grant; where it is slow, it has not looked yet
                asked.result(timeout=0.5)
        assert asked.result(timeout=PATIENCE_S) == FORBIDDEN
    assert signs_in(caller, mail(user), PASSWORD)
