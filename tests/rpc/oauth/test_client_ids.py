"""Client ids are any text, unique in their tenant; where a path names no tenant the secret decides whose it is."""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import quote_plus

import grpc
import pytest
from kit.accounts.people import new_person
from kit.audited import audited
from kit.browser import PKCE, VERIFIER, Browser, redeem
from kit.callers import Caller, bearer, refusal
from kit.oauth import Application, Runtime, basic, refused
from kit.patience import PATIENCE_S
from kit.platform import claims_of, form

from ostiary.audit.runtime_capture import CAPTURE_RUNTIME_ACTIVITY
from ostiary.errors import DomainError
from ostiary.http.forms import Form
from ostiary.ids import new_secret
from ostiary.oauth.clients.any_tenant import authenticate_client_of_any_tenant
from ostiary.oauth.clients.clients import CONFIDENTIAL, PUBLIC, allow_service_account, create_client
from ostiary.oauth.sessions.refresh import PLATFORM, ROTATING, GrantTerms, open_grant
from ostiary_api.appid.management.v4 import runtime_activity_pb2 as activity_pb
from ostiary_api.appid.management.v4 import tokens_pb2 as tokens_pb
from ostiary_api.csp.v1 import authentication_pb2
from ostiary_api.csp.v1.authentication_pb2_grpc import AuthenticationServiceStub
from ostiary_api.oidc.v1 import provider_pb2
from ostiary_api.oidc.v1.provider_pb2_grpc import ProviderServiceStub

GRANT = {"grant_type": "client_credentials"}
ODD_IDS = (
    "web", "https://rp.example.com:8443/callback?x=1&y=2", "a client with blanks", " edge ", "Prüfstelle Zürich 東京",
    "100%25+1", "a:b:c", "é" * 255, "urn:example:app#1", "...", "'; DROP TABLE clients; --", '"quoted"',
)  # fmt: skip


def brought(runtime: Runtime, client_id: str, secret: str = "", type: str = CONFIDENTIAL) -> Application:
    """An application with an id and a secret from another server; a service account where it has a secret."""
    made = runtime.made.runtime
    with made.store.write() as work:
        client, secret = create_client(
            work, made.sealing, made.entropy, runtime.tenant_id, "brought", type, runtime.made.clock.now_ms(),
            client_id=client_id, secret=secret,
        )  # fmt: skip
        if type == CONFIDENTIAL:
            allow_service_account(work, runtime.tenant_id, client.id, allowed=True)
    return Application(runtime.tenant_id, client.id, secret)


def of_other_tenant(caller: Caller) -> Runtime:
    return Runtime(caller, caller.installation.new_tenant("other"))


def at_csp(caller: Caller, authorization: str, **fields: str) -> str:
    """The organization of the token that the client gets at csp's token endpoint."""
    request = authentication_pb2.IssueTokenRequest(form=form(**GRANT, **fields))
    call = {"metadata": (("authorization", authorization),) if authorization else (), "timeout": PATIENCE_S}
    answer = AuthenticationServiceStub(caller.channel).IssueToken(request, **call)
    return str(claims_of(answer.access_token)["context_name"])


def at_oidc(caller: Caller, authorization: str, **fields: str) -> provider_pb2.TokenAnswer:
    request = provider_pb2.IssueTokenRequest(form=form(**fields))
    call = {"metadata": (("authorization", authorization),) if authorization else (), "timeout": PATIENCE_S}
    return ProviderServiceStub(caller.channel).IssueToken(request, **call)


@pytest.mark.parametrize("client_id", ODD_IDS)
def test_a_client_with_an_id_of_any_text_works_wherever_clients_do(
    caller: Caller, runtime: Runtime, client_id: str
) -> None:
    secret = new_secret(runtime.made.runtime.entropy, 64) + ":+%/="
    app = brought(runtime, client_id, secret)
    headers = [basic(client_id, secret), basic(quote_plus(client_id), quote_plus(secret))]
    for header, fields in [*((each, {}) for each in headers), (headers[1], {"client_id": client_id}),
                           ("", {"client_id": client_id, "client_secret": secret})]:  # fmt: skip
        token = runtime.token({**GRANT, **fields}, header)["access_token"]
        _, claims = runtime.verified(token)
        assert (claims["aud"], claims["sub"]) == ([client_id], client_id)
        assert at_csp(caller, header, **fields) == runtime.tenant_id
    said = runtime.introspect({"token": token}, headers[1])
    assert (said.active, said.client_id) == (True, client_id)
    runtime.revoke({"token": token}, headers[1])
    assert not runtime.introspect({"token": token}, headers[1]).active
    for wrong in (basic(client_id, secret[:-1]), basic(client_id, ""), basic(client_id[:-1], secret)):
        with refused("invalid_client"):
            runtime.token(GRANT, wrong)
    assert app.id == client_id


@pytest.mark.parametrize("client_id", ODD_IDS)
def test_a_browser_signs_in_for_a_client_with_any_id_and_refreshes(
    runtime: Runtime, browser: Browser, client_id: str
) -> None:
    runtime.settings(refresh=tokens_pb.RefreshTokenConfig(enabled=True))
    app = brought(runtime, client_id)
    tokens = redeem(runtime, app, browser.sign_in(app))
    assert runtime.refresh(app, tokens["refresh_token"])["access_token"]
    page = brought(runtime, f"{client_id[:-1]}!", type=PUBLIC)
    assert redeem(runtime, page, browser.sign_in(page, **PKCE), code_verifier=VERIFIER)["id_token"]


@pytest.mark.parametrize("client_id", ODD_IDS)
def test_the_management_api_reads_and_changes_an_application_with_any_id(
    caller: Caller, runtime: Runtime, client_id: str
) -> None:
    brought(runtime, client_id)
    of_tenant = {"tenantId": runtime.tenant_id}
    named = {**of_tenant, "clientId": client_id}

    def ask(method: str, body: dict[str, Any]) -> dict[str, Any]:
        return caller.ask(f"identity.appid.management.v4.{method}", body, "manager")

    assert ask("ApplicationsService/GetApplication", named)["clientId"] == client_id
    scopes = ask("ApplicationsService/PutApplicationScopes", {**named, "scopes": {"scopes": ["read"]}})
    assert scopes["scopes"] == ["read"]
    role = {"name": "reader", "access": [{"application_id": client_id, "scopes": ["read"]}]}
    made = ask("RolesService/CreateRole", {**of_tenant, "role": role})
    assert made["access"] == role["access"]
    chosen = {"roles": {"ids": [made["id"]]}}
    held = ask("ApplicationsService/PutApplicationRoles", {**named, "assignment": chosen})
    assert [each["name"] for each in held["roles"]] == ["reader"]
    ask("ApplicationsService/DeleteApplication", named)
    assert ask("ApplicationsService/ListApplications", of_tenant)["applications"] == []


def test_two_tenants_may_have_clients_of_one_id_and_neither_is_taken_for_the_other(
    caller: Caller, runtime: Runtime
) -> None:
    other = of_other_tenant(caller)
    ours, theirs = brought(runtime, "web"), brought(other, "web")
    token = runtime.token(GRANT, ours.basic)["access_token"]
    for at, foreign in ((runtime, theirs), (other, ours)):
        with refused("invalid_client"):
            at.token(GRANT, foreign.basic)
    assert not other.introspect({"token": token}, theirs.basic).active
    other.revoke({"token": token}, theirs.basic)
    assert runtime.is_active(token, ours)
    assert (at_csp(caller, ours.basic), at_csp(caller, theirs.basic)) == (runtime.tenant_id, other.tenant_id)
    gone = {"tenantId": runtime.tenant_id, "clientId": "web"}
    caller.ask("identity.appid.management.v4.ApplicationsService/DeleteApplication", gone)
    with refused("invalid_client"):
        runtime.token(GRANT, ours.basic)
    assert other.token(GRANT, theirs.basic)["access_token"]
    assert at_csp(caller, theirs.basic) == other.tenant_id


def test_what_was_given_to_a_former_client_of_the_same_id_stays_dead(caller: Caller, runtime: Runtime) -> None:
    runtime.user()
    gone = {"tenantId": runtime.tenant_id, "clientId": "web"}
    clock, former = runtime.made.clock, brought(runtime, "web")
    old = [runtime.token(GRANT, former.basic)["access_token"], runtime.sign_in(former)["access_token"]]
    robot = at_oidc(caller, former.basic, **GRANT).access_token
    read = partial(caller.ask, "identity.oidc.v1.ProviderService/GetUserInfo", {}, **bearer(robot))
    assert refusal(read)[0] is grpc.StatusCode.OK
    caller.ask("identity.appid.management.v4.ApplicationsService/DeleteApplication", gone)
    clock.advance(1)
    now = brought(runtime, "web")
    assert [runtime.is_active(token, now) for token in old] == [False, False]
    assert refusal(read)[0] is grpc.StatusCode.UNAUTHENTICATED
    assert runtime.is_active(runtime.token(GRANT, now.basic)["access_token"], now)
    assert runtime.is_active(runtime.sign_in(now)["access_token"], now)


@pytest.mark.own_installation
def test_of_clients_with_one_id_and_one_secret_only_the_organization_that_is_named_gets_a_token(
    caller: Caller, runtime: Runtime
) -> None:
    other = of_other_tenant(caller)
    ours = brought(runtime, "web", "copied secret")
    brought(other, "web", "copied secret")
    for tenant_id in (runtime.tenant_id, other.tenant_id):
        assert at_csp(caller, ours.basic, orgId=tenant_id) == tenant_id
    made = caller.installation.runtime
    with made.store.read() as work, pytest.raises(DomainError) as seen:
        authenticate_client_of_any_tenant(work, made.tenancy, ours.basic, Form({}))
    assert seen.value.reason == "INVALID_CLIENT"
    with made.store.write() as work:
        allow_service_account(work, other.tenant_id, "web", allowed=False)
    with pytest.raises(Exception, match="unknown or its secret is wrong"):
        at_csp(caller, ours.basic)


@pytest.mark.own_installation
def test_a_refresh_token_is_not_given_to_another_tenants_client_of_the_same_id(
    caller: Caller, runtime: Runtime
) -> None:
    other = of_other_tenant(caller)
    ours, theirs = brought(runtime, "web"), brought(other, "web")
    ann, token, now_ms = new_person(runtime.made, runtime.tenant_id, "ann"), "ab" * 32, runtime.made.clock.now_ms()
    terms = GrantTerms(ROTATING, PLATFORM, ann.id, now_ms, "web", ann.id)
    with runtime.made.runtime.store.write() as work:
        open_grant(work, runtime.tenant_id, terms, token, runtime.made.runtime.entropy, now_ms, 86_400)
    presented = {"grant_type": "refresh_token", "refresh_token": token}
    with pytest.raises(Exception, match="refresh token is not valid"):
        at_oidc(caller, theirs.basic, **presented)
    assert at_oidc(caller, ours.basic, **presented).access_token


def test_what_is_no_client_id_or_is_taken_is_refused(runtime: Runtime) -> None:
    brought(runtime, "web")
    bad = [(client_id, "INVALID_CLIENT_ID") for client_id in ("a" * 256, "   ", "a\nb", "a\0", "\ud800", ".", "..")]
    for client_id, reason in [("web", "CLIENT_ID_TAKEN"), *bad]:
        with pytest.raises(DomainError) as seen:
            brought(runtime, client_id)
        assert seen.value.reason == reason


def test_a_long_client_id_is_recorded_whole(runtime: Runtime) -> None:
    app = brought(runtime, "ü" * 255)
    with runtime.made.runtime.store.write() as work:
        CAPTURE_RUNTIME_ACTIVITY.replace(
            work, runtime.tenant_id, activity_pb.RuntimeActivityConfig(is_active=True), runtime.made.clock.now_ms()
        )
    runtime.token(GRANT, app.basic)
    at_csp(runtime.caller, app.basic)
    rows = audited(runtime.made)
    assert {app.id} == {row.target_id for row in rows if row.action == "appid.application.authenticate"}
    assert app.id in {row.initiator_id for row in rows}
