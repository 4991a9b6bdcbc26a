"""With a tenant ends everything that it ever gave out, on the next request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
import pytest
from kit.accounts.people import new_person, new_scim_token
from kit.browser import CALLBACK, Browser
from kit.callers import Caller, bearer
from kit.oauth import Refused, Runtime

from ostiary.directory.tenants.deletion import begin_deletion
from ostiary.directory.tenants.tenants import set_tenant_state
from ostiary.store.work import Work
from ostiary_api.csp.v1 import principal_user_pb2, principal_user_pb2_grpc
from ostiary_api.scim.v2 import scim_users_pb2, scim_users_pb2_grpc

TOKENS = "identity.appid.management.v4.TokensService/GetTokensConfig"
REFRESHED = {"access": {"expires_in": 3600}, "refresh": {"enabled": True, "expires_in": 86_400}}


def disable(work: Work, tenant_id: str, caller: Caller) -> None:
    set_tenant_state(work, tenant_id, "disabled", caller.installation.clock.now_ms())


def remove(work: Work, tenant_id: str, caller: Caller) -> None:
    begin_deletion(work, tenant_id, caller.installation.runtime.entropy, caller.installation.clock.now_ms())


def answered(call: Callable[[], Any]) -> bool:
    try:
        call()
    except (grpc.RpcError, Refused):
        return False
    return True


@pytest.mark.own_installation
@pytest.mark.parametrize("end", [disable, remove])
def test_nothing_of_an_ended_tenant_opens_anything(caller: Caller, end: Callable[[Work, str, Caller], None]) -> None:
    made = caller.installation
    oauth = Runtime(caller, made.new_tenant("ending"))
    oauth.settings(**REFRESHED)
    app, browser, user_id = oauth.application(), Browser(oauth), oauth.user()
    browser.register(CALLBACK)
    key, unused_key = (made.new_api_key(oauth.tenant_id, "manager") for _ in range(2))
    iam, tokens, code, page = caller.token(key), oauth.sign_in(app), browser.sign_in(app), browser.authorize(app)
    member = new_person(made, oauth.tenant_id, "ann", "org_owner")
    robot = new_scim_token(made, oauth.tenant_id)
    principals = principal_user_pb2_grpc.PrincipalUserServiceStub(caller.channel)
    people = scim_users_pb2_grpc.UsersServiceStub(caller.channel)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    attempts: dict[str, Callable[[], Any]] = {
        "management": lambda: caller.ask(TOKENS, {"tenantId": oauth.tenant_id}, **bearer(iam)),
        "userinfo": lambda: oauth.userinfo(tokens["access_token"]),
        "csp": lambda: principals.GetLoggedInUser(principal_user_pb2.GetLoggedInUserRequest(), **member.call),
        "scim": lambda: people.GetUser(scim_users_pb2.GetUserRequest(id=user_id), **member.call),
        "SCIM token": lambda: people.GetUser(scim_users_pb2.GetUserRequest(id=user_id), **robot.call),
        "api key": lambda: caller.token(unused_key),
        "refresh": lambda: oauth.refresh(app, tokens["refresh_token"]),
        "password": lambda: oauth.sign_in(app),
        "code": lambda: oauth.token(form, app.basic),
    }
    for name in ("management", "userinfo", "csp", "scim", "SCIM token"):
        assert answered(attempts[name]), name
    with made.runtime.store.write() as work:
        end(work, oauth.tenant_id, caller)
    assert {name for name, attempt in attempts.items() if answered(attempt)} == set()
    assert [browser.authorize(app).status, browser.submit(page).status] == [404, 404]
