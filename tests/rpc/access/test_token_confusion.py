"""No token opens what it was not issued for, and introspection calls no other tenant's token active."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import grpc
import pytest
from kit.accounts.people import PASSWORD, new_person, new_scim_token
from kit.callers import Caller, bearer, refusal
from kit.cases import in_one_test
from kit.oauth import Application, Runtime

APPID = ("App ID access", "App ID id", "App ID application")
FOREIGN = ("foreign App ID access", "foreign App ID id")
PLATFORM = ("IAM", "foreign IAM", "csp access")
WORTHLESS = (
    "csp id",
    "truncated App ID access",
    "truncated IAM",
    "truncated csp access",
    "IAM with another's signature",
)
ROBOT = "SCIM token"
TOKENS = (*APPID, *FOREIGN, *PLATFORM, ROBOT, *WORTHLESS)

PLACES: dict[str, tuple[str, dict[str, Any]]] = {
    "userinfo": ("identity.appid.oauth.v4.UserinfoService/GetUserinfo", {"tenantId": ""}),
    "attributes": ("identity.profiles.v1.AttributesService/ListAttributes", {}),
    "management": ("identity.appid.management.v4.RolesService/ListRoles", {"tenantId": ""}),
    "csp": ("identity.csp.v1.PrincipalUserService/GetLoggedInUser", {}),
    "cloudapi": ("identity.cloudapi.v1.SessionsService/GetCurrentSession", {}),
    "SCIM": ("identity.scim.v2.UsersService/ListUsers", {}),
    "oidc": ("identity.oidc.v1.ProviderService/GetUserInfo", {}),
}
"""Method and request; an empty tenantId is the first tenant's."""
OPEN_TO = {
    **dict.fromkeys(("userinfo", "attributes"), ("App ID access", "App ID application", *FOREIGN[:1])),
    **dict.fromkeys(("management", "csp", "cloudapi", "SCIM", "oidc"), (*PLATFORM, ROBOT)),
}
"""Which tokens a place reads at all; what it then thinks of them is for the tests of roles and tenants."""


@dataclass(frozen=True)
class World:
    """Every kind of token, of two tenants."""

    caller: Caller
    runtime: Runtime
    app: Application
    tokens: dict[str, str]

    def ask(self, place: str, token: str) -> tuple[grpc.StatusCode, str]:
        """How a place answers the bearer of a token."""
        method, request = PLACES[place]
        tenant = {"tenantId": self.runtime.tenant_id} if "tenantId" in request else {}
        return refusal(partial(self.caller.ask, method, {**request, **tenant}, **bearer(self.tokens[token])))


@pytest.fixture(scope="module")
def world(shared_caller: Caller) -> World:
    made = shared_caller.installation
    home, other = Runtime(shared_caller), Runtime(shared_caller, made.new_tenant("confused"))
    app = home.application()
    new_person(made, made.tenant_id, "confused-ann", "org_owner")
    home.user("confused@example.com")
    other.user("confused@example.com")
    here, there = home.sign_in(app, "confused@example.com"), other.sign_in(other.application(), "confused@example.com")
    who = {"username": "confused-ann", "password": PASSWORD}
    csp = shared_caller.ask("identity.csp.v1.LoginService/Login", {"access_token": "true", "credentials": who})
    iam = shared_caller.token(made.api_keys["manager"])
    tokens = {
        "App ID access": here["access_token"], "App ID id": here["id_token"],
        "App ID application": home.token({"grant_type": "client_credentials"}, app.basic)["access_token"],
        "foreign App ID access": there["access_token"], "foreign App ID id": there["id_token"],
        "IAM": iam, "foreign IAM": shared_caller.token(made.new_api_key(other.tenant_id, "manager")),
        ROBOT: new_scim_token(made, made.tenant_id).token,
        "csp access": csp["access_token"], "csp id": csp["id_token"],
        "truncated App ID access": here["access_token"][:-9], "truncated IAM": iam[:-9],
        "truncated csp access": csp["access_token"][:-9],
        "IAM with another's signature": iam.rpartition(".")[0] + "." + here["access_token"].rpartition(".")[2],
    }  # fmt: skip
    return World(shared_caller, home, app, tokens)


@in_one_test("place, token", [(place, token) for place in PLACES for token in TOKENS])
def test_a_token_is_read_only_where_it_was_issued_for(world: World, place: str, token: str) -> None:
    code, reason = world.ask(place, token)
    if token in OPEN_TO[place]:
        assert code is not grpc.StatusCode.UNAUTHENTICATED, reason
    else:
        assert (code, reason) == (grpc.StatusCode.UNAUTHENTICATED, "INVALID_TOKEN")


@pytest.mark.parametrize(
    ("place", "token"),
    [
        ("userinfo", "App ID access"), ("attributes", "App ID access"), ("management", "IAM"), ("csp", "csp access"),
        ("cloudapi", "csp access"), ("SCIM", "IAM"), ("SCIM", "csp access"), ("SCIM", ROBOT),
        ("oidc", "csp access"),
    ],
)  # fmt: skip
def test_the_right_token_opens_the_place(world: World, place: str, token: str) -> None:
    assert world.ask(place, token) == (grpc.StatusCode.OK, "")


@pytest.mark.parametrize(
    ("place", "token"),
    [
        ("userinfo", "foreign App ID access"),
        ("management", "foreign IAM"),
        ("management", "csp access"),
        *((place, ROBOT) for place in ("management", "csp", "cloudapi", "oidc")),
    ],
)
def test_a_token_of_another_tenant_or_without_the_role_stays_outside(world: World, place: str, token: str) -> None:
    assert world.ask(place, token)[0] in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.PERMISSION_DENIED)


@pytest.mark.parametrize("token", TOKENS)
def test_introspection_calls_only_tokens_of_its_own_tenant_active(world: World, token: str) -> None:
    assert world.runtime.is_active(world.tokens[token], world.app) is (token in APPID)
