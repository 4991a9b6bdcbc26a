"""Signing in at csp and cloudapi over native gRPC: passwords, sessions, API tokens and what ends them."""

from __future__ import annotations

import base64
import itertools
import json
from typing import Any
from urllib.parse import urlencode

import grpc
import pytest
from google.api import httpbody_pb2
from kit.callers import Caller, bearer
from kit.people import PASSWORD, Made, new_client, new_person

from identity.cloudapi.v1 import sessions_pb2, tenant_token_pb2
from identity.cloudapi.v1.sessions_pb2_grpc import SessionsServiceStub
from identity.cloudapi.v1.tenant_token_pb2_grpc import TenantTokenServiceStub
from identity.csp.v1 import authentication_pb2, login_pb2, principal_user_pb2, user_pb2
from identity.csp.v1.authentication_pb2_grpc import AuthenticationServiceStub
from identity.csp.v1.login_pb2_grpc import LoginServiceStub
from identity.csp.v1.principal_user_pb2_grpc import PrincipalUserServiceStub
from identity.oidc.v1 import provider_pb2
from identity.oidc.v1.provider_pb2_grpc import ProviderServiceStub
from ostiary.directory.tenants import set_tenant_state
from ostiary.oauth import jwt
from ostiary.oauth.clients import allow_service_account
from ostiary.oauth.refresh import PLATFORM, ROTATING, GrantTerms, open_grant, revoke_grants_of
from ostiary.oauth.sessions import end_session, open_session
from ostiary.store.tables import User
from ostiary.store.tenancy import SYSTEM_ID

INVALID, UNAUTHENTICATED = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNAUTHENTICATED
CALL = {"timeout": 20}
NUMBERS = itertools.count()


@pytest.fixture
def ann(caller: Caller) -> Made:
    return new_person(caller.installation, caller.installation.tenant_id, "ann", "org_owner", "org_member")


@pytest.fixture
def someone(shared_caller: Caller) -> Made:
    """A user of the shared installation, another one for each test: tries are counted by user."""
    name = f"someone{next(NUMBERS)}"
    return new_person(shared_caller.installation, shared_caller.installation.tenant_id, name)


def form(**fields: str) -> httpbody_pb2.HttpBody:
    return httpbody_pb2.HttpBody(content_type="application/x-www-form-urlencoded", data=urlencode(fields).encode())


def basic(name: str, password: str) -> dict[str, Any]:
    encoded = base64.b64encode(f"{name}:{password}".encode()).decode()
    return {"metadata": (("authorization", f"Basic {encoded}"),), "timeout": 20}


def csp_login(caller: Caller, username: str, password: str, **fields: str) -> login_pb2.LoginAnswer:
    flag = {"access_token": fields.pop("flag")} if "flag" in fields else {}
    who = login_pb2.Credentials(username=username, password=password, **fields)
    request = login_pb2.LoginRequest(credentials=who, **flag)
    return LoginServiceStub(caller.channel).Login(request, **CALL)


def vcd_login(caller: Caller, name: str, password: str, provider: bool = False) -> tuple[sessions_pb2.Session, str]:
    stub = SessionsServiceStub(caller.channel)
    method, request = (stub.CreateSession, sessions_pb2.CreateSessionRequest())
    if provider:
        method, request = (stub.CreateProviderSession, sessions_pb2.CreateProviderSessionRequest())
    session, call = method.with_call(request, **basic(name, password))
    return session, dict(call.initial_metadata())["x-vmware-vcloud-access-token"]


def swap(caller: Caller, token: str, **call: Any) -> authentication_pb2.AccessToken:
    request = authentication_pb2.AuthorizeApiTokenRequest(form=form(api_token=token))
    return AuthenticationServiceStub(caller.channel).AuthorizeApiToken(request, **{**CALL, **call})


def me(caller: Caller, token: str) -> user_pb2.User:
    stub = PrincipalUserServiceStub(caller.channel)
    return stub.GetLoggedInUser(principal_user_pb2.GetLoggedInUserRequest(), **bearer(token))


def is_dead(caller: Caller, token: str) -> bool:
    try:
        me(caller, token)
    except grpc.RpcError as refused:
        return refused.code() is UNAUTHENTICATED
    return False


def claims_of(token: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(jwt.unb64(token.split(".")[1]))
    return document


def test_a_csp_login_answers_a_token_that_says_who_it_is(caller: Caller, ann: Made) -> None:
    answer = csp_login(caller, "ANN", PASSWORD)
    assert [field.name for field, _ in answer.ListFields()] == ["csp_auth_token"]
    claims = claims_of(answer.csp_auth_token)
    expected = {
        "sub": ann.id, "acct": "ann@acme", "username": "ann", "domain": "acme", "context_name": ann.tenant_id,
        "perms": ["csp:org_member", "csp:org_owner"], "iss": caller.installation.runtime.issuers.public_url,
    }  # fmt: skip
    assert {name: claims[name] for name in expected} == expected
    assert me(caller, answer.csp_auth_token).id == ann.id


def test_with_the_flag_a_csp_login_answers_every_token(caller: Caller, ann: Made) -> None:
    answer = csp_login(caller, "ann@example.com", PASSWORD, domain="ACME", flag="")
    assert not answer.HasField("csp_auth_token")
    assert (answer.token_type, answer.expires_in, answer.scope) == ("bearer", 3600, "csp:org_member csp:org_owner")
    identity = claims_of(answer.id_token)
    assert (identity["sub"], identity["email"], identity["group_ids"]) == (ann.id, "ann@example.com", [])
    assert is_dead(caller, answer.id_token), "an identity token opens nothing"
    assert me(caller, swap(caller, answer.refresh_token).access_token).id == ann.id


def test_the_flag_counts_by_being_there_also_without_a_value_in_the_path(caller: Caller, ann: Made) -> None:
    who = login_pb2.Credentials(username="ann", password=PASSWORD)
    path = ("x-envoy-original-path", "/csp/gateway/am/api/login?access_token")
    answer = LoginServiceStub(caller.channel).Login(
        login_pb2.LoginRequest(credentials=who), metadata=(path,), timeout=20
    )
    assert answer.refresh_token


@pytest.mark.parametrize(
    ("username", "password", "domain"),
    [
        ("{}", "wrong", ""), ("nobody", PASSWORD, ""), ("{}", PASSWORD, "nowhere"), ("{}", PASSWORD, "System"),
        ("{}", "", ""), ("", PASSWORD, ""), ("{}\0", PASSWORD, ""), ("{}", PASSWORD, "acme\0"),
        ("x" * 5_000, PASSWORD, ""), ("{}", "x" * 5_000, ""),
    ],
)  # fmt: skip
def test_every_refused_login_looks_alike(
    shared_caller: Caller, someone: Made, username: str, password: str, domain: str
) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        csp_login(shared_caller, username.format(someone.name), password, domain=domain)
    assert refused.value.code() is UNAUTHENTICATED
    assert refused.value.details() == "The email or password that you entered is incorrect."


def test_a_cloudapi_session_names_its_user_organization_and_roles(caller: Caller, ann: Made) -> None:
    session, token = vcd_login(caller, "ann@acme", PASSWORD)
    assert (session.user.id, session.org.name) == (f"urn:vcloud:user:{ann.id}", "acme")
    assert list(session.roles) == ["org_member", "org_owner"]
    assert [ref.id.startswith("urn:vcloud:role:") for ref in session.role_refs] == [True, True]
    current = SessionsServiceStub(caller.channel).GetCurrentSession(
        sessions_pb2.GetCurrentSessionRequest(), **bearer(token)
    )
    assert current == session


def test_the_last_at_sign_divides_user_and_organization(caller: Caller, ann: Made) -> None:
    session, _ = vcd_login(caller, "ann@example.com@acme", PASSWORD)
    assert session.user.name == "ann"


@pytest.mark.parametrize(
    "credentials",
    [None, b"", b"{}", b"{}@acme", b"{}:x", b"\xff@acme:x", b"@acme:x", b"{}@:x", b"{}@acme:wrong", b"{}@nowhere:x"],
)
def test_bad_basic_credentials_are_unauthenticated(
    shared_caller: Caller, someone: Made, credentials: bytes | None
) -> None:
    given = (credentials or b"").replace(b"{}", someone.name.encode())
    headers = [f"Basic {base64.b64encode(given).decode()}"] if credentials is not None else ["", "Basic !!", "Bearer x"]
    for header in headers:
        metadata = (("authorization", header),) if header else ()
        with pytest.raises(grpc.RpcError) as refused:
            SessionsServiceStub(shared_caller.channel).CreateSession(
                sessions_pb2.CreateSessionRequest(), metadata=metadata, timeout=20
            )
        assert refused.value.code() is UNAUTHENTICATED


def test_system_signs_in_at_the_provider_only_and_others_never_there(caller: Caller, ann: Made) -> None:
    root = new_person(caller.installation, SYSTEM_ID, "root", "platform_operator")
    assert vcd_login(caller, "root@system", PASSWORD, provider=True)[0].user.id.endswith(root.id)
    for name, provider in (("root@System", False), ("ann@acme", True)):
        with pytest.raises(grpc.RpcError) as refused:
            vcd_login(caller, name, PASSWORD, provider)
        assert refused.value.code() is UNAUTHENTICATED


def test_signing_out_kills_the_session_and_no_other(caller: Caller, ann: Made) -> None:
    (_, first), (_, second) = vcd_login(caller, "ann@acme", PASSWORD), vcd_login(caller, "ann@acme", PASSWORD)
    SessionsServiceStub(caller.channel).DeleteCurrentSession(
        sessions_pb2.DeleteCurrentSessionRequest(), **bearer(first)
    )
    assert is_dead(caller, first)
    assert not is_dead(caller, second)


def test_signing_out_with_an_api_keys_token_kills_that_token_alone(caller: Caller) -> None:
    call = caller.as_role("reader")
    SessionsServiceStub(caller.channel).DeleteCurrentSession(sessions_pb2.DeleteCurrentSessionRequest(), **call)
    token = call["metadata"][0][1].removeprefix("Bearer ")
    assert is_dead(caller, token)
    caller.installation.clock.advance(1)
    assert not is_dead(
        caller, Caller(caller.channel, caller.installation).token(caller.installation.api_keys["reader"])
    )


@pytest.mark.parametrize("header", ["authorization", "csp-auth-token", "x-vcloud-authorization"])
def test_a_token_is_taken_in_the_header_of_every_dialect(caller: Caller, ann: Made, header: str) -> None:
    value = f"Bearer {ann.token}" if header == "authorization" else ann.token
    stub = PrincipalUserServiceStub(caller.channel)
    answer = stub.GetLoggedInUser(
        principal_user_pb2.GetLoggedInUserRequest(expand=""), metadata=((header, value),), timeout=20
    )
    assert (answer.username, answer.user_profile.default_org_id) == ("ann", ann.tenant_id)


def api_token_of(caller: Caller, ann: Made) -> str:
    return csp_login(caller, "ann", PASSWORD, flag="x").refresh_token


def test_an_api_token_is_taken_in_every_place_again_and_again(caller: Caller, ann: Made) -> None:
    token = api_token_of(caller, ann)
    stub = AuthenticationServiceStub(caller.channel)
    for request in (
        authentication_pb2.AuthorizeApiTokenRequest(form=form(api_token=token)),
        authentication_pb2.AuthorizeApiTokenRequest(form=form(refresh_token=token)),
        authentication_pb2.AuthorizeApiTokenRequest(api_token=token),
        authentication_pb2.AuthorizeApiTokenRequest(refresh_token=token),
    ):
        answer = stub.AuthorizeApiToken(request, **CALL)
        assert (answer.token_type, answer.refresh_token) == ("bearer", token)
        assert me(caller, answer.access_token).id == ann.id
    issued = stub.IssueToken(
        authentication_pb2.IssueTokenRequest(form=form(grant_type="refresh_token", refresh_token=token)), **CALL
    )
    tenant = TenantTokenServiceStub(caller.channel).IssueTenantToken(
        tenant_token_pb2.IssueTenantTokenRequest(
            tenant="Acme", form=form(grant_type="refresh_token", refresh_token=token)
        ),
        **CALL,
    )
    oidc = ProviderServiceStub(caller.channel).IssueToken(
        provider_pb2.IssueTokenRequest(form=form(grant_type="refresh_token", refresh_token=token)), **CALL
    )
    assert (tenant.token_type, tenant.expires_in, tenant.HasField("refresh_token")) == ("Bearer", 3600, False)
    assert claims_of(oidc.access_token)["iss"].endswith("/oidc")
    for access in (issued.access_token, tenant.access_token, oidc.access_token):
        assert me(caller, access).id == ann.id


def test_revoking_an_api_token_kills_what_it_gave_but_not_the_password_session(caller: Caller, ann: Made) -> None:
    login = csp_login(caller, "ann", PASSWORD, flag="x")
    access = swap(caller, login.refresh_token).access_token
    with caller.installation.runtime.store.write() as work:
        revoke_grants_of(work, ann.tenant_id, caller.installation.clock.now_ms(), user_id=ann.id)
    assert is_dead(caller, access)
    assert not is_dead(caller, login.access_token)
    with pytest.raises(grpc.RpcError):
        swap(caller, login.refresh_token)


def deactivate(caller: Caller, ann: Made) -> None:
    with caller.installation.runtime.store.write() as work:
        user = work.get(User, ann.id, lock=True)
        assert user is not None
        user.active = False


def expire(caller: Caller, ann: Made) -> None:
    caller.installation.clock.advance(91 * 86_400)


def disable(caller: Caller, ann: Made) -> None:
    with caller.installation.runtime.store.write() as work:
        set_tenant_state(work, ann.tenant_id, "disabled", caller.installation.clock.now_ms())


@pytest.mark.parametrize("happening", [deactivate, expire, disable])
def test_an_api_token_dies_with_what_it_stands_on(caller: Caller, ann: Made, happening: Any) -> None:
    token = api_token_of(caller, ann)
    happening(caller, ann)
    with pytest.raises(grpc.RpcError) as refused:
        swap(caller, token)
    assert refused.value.code() is INVALID


def test_an_api_token_is_worth_nothing_in_another_organization_or_cut_short(caller: Caller, ann: Made) -> None:
    caller.installation.new_tenant("other")
    token, stub = api_token_of(caller, ann), TenantTokenServiceStub(caller.channel)
    seen = set()
    for org, value in (("other", token), ("nowhere", token), ("acme", token[:-1]), ("acme", "x"), ("\0", token)):
        with pytest.raises(grpc.RpcError) as refused:
            stub.IssueTenantToken(
                tenant_token_pb2.IssueTenantTokenRequest(
                    tenant=org, form=form(grant_type="refresh_token", refresh_token=value)
                ),
                **CALL,
            )
        seen.add((refused.value.code(), refused.value.details()))
    assert len(seen) == 1
    with pytest.raises(grpc.RpcError):
        stub.IssueProviderToken(
            tenant_token_pb2.IssueProviderTokenRequest(form=form(grant_type="refresh_token", refresh_token=token)),
            **CALL,
        )


def issue(caller: Caller, call: dict[str, Any] | None = None, **fields: str) -> provider_pb2.TokenAnswer:
    request = provider_pb2.IssueTokenRequest(form=form(**fields))
    return ProviderServiceStub(caller.channel).IssueToken(request, **(call or CALL))


def test_a_service_account_gets_a_token_for_itself_in_its_own_organization(caller: Caller) -> None:
    robot = new_client(caller.installation, caller.installation.tenant_id, service_account=True)
    answer = issue(caller, basic(robot.id, robot.secret), grant_type="client_credentials")
    assert (claims_of(answer.access_token)["azp"], answer.HasField("refresh_token")) == (robot.id, False)
    info = ProviderServiceStub(caller.channel).GetUserInfo(
        provider_pb2.GetUserInfoRequest(), **bearer(answer.access_token)
    )
    assert (info.sub, info.name, list(info.roles)) == (robot.id, "robot", ["service_account"])
    csp = AuthenticationServiceStub(caller.channel).IssueToken(
        authentication_pb2.IssueTokenRequest(form=form(grant_type="client_credentials", orgId=robot.tenant_id)),
        **basic(robot.id, robot.secret),
    )
    assert me(caller, csp.access_token).id == robot.id
    with caller.installation.runtime.store.write() as work:
        allow_service_account(work, robot.tenant_id, robot.id, allowed=False)
    assert is_dead(caller, csp.access_token)


@pytest.mark.parametrize(
    ("service_account", "secret", "fields", "code"),
    [
        (False, None, {"grant_type": "client_credentials"}, INVALID),
        (True, "wrong", {"grant_type": "client_credentials"}, UNAUTHENTICATED),
        (True, None, {"grant_type": "client_credentials", "orgId": "elsewhere"}, INVALID),
        (True, None, {"grant_type": "client_credentials", "client_secret": "again"}, INVALID),
        (True, None, {"grant_type": "password"}, INVALID),
        (True, None, {"grant_type": "authorization_code", "code": "x"}, INVALID),
        (True, None, {"grant_type": "refresh_token"}, INVALID),
        (True, None, {"grant_type": "refresh_token", "refresh_token": "x\0"}, INVALID),
        (True, None, {}, INVALID),
    ],
)
def test_bad_token_requests_are_refused(
    shared_caller: Caller, service_account: bool, secret: str | None, fields: dict[str, str], code: grpc.StatusCode
) -> None:
    installation = shared_caller.installation
    robot = new_client(installation, installation.tenant_id, service_account=service_account)
    with pytest.raises(grpc.RpcError) as refused:
        issue(shared_caller, basic(robot.id, secret or robot.secret), **fields)
    assert refused.value.code() is code


def test_an_unknown_client_is_unauthenticated(caller: Caller) -> None:
    for name in ("nobody", "\0", ""):
        with pytest.raises(grpc.RpcError) as refused:
            issue(caller, basic(name, "x"), grant_type="client_credentials")
        assert refused.value.code() is UNAUTHENTICATED


def rotating(caller: Caller, ann: Made, robot: Made, session_id: str = "") -> str:
    token, now_ms = f"{'ab' * 32}", caller.installation.clock.now_ms()
    terms = GrantTerms(ROTATING, PLATFORM, ann.id, now_ms, robot.id, ann.id, session_id)
    runtime = caller.installation.runtime
    with runtime.store.write() as work:
        open_grant(work, ann.tenant_id, terms, token, runtime.entropy, now_ms, 86_400)
    return token


def test_a_rotating_refresh_token_rotates_with_grace_and_its_reuse_kills_the_family(caller: Caller, ann: Made) -> None:
    robot = new_client(caller.installation, ann.tenant_id, service_account=False)
    call, first = basic(robot.id, robot.secret), rotating(caller, ann, robot)
    answer = issue(caller, call, grant_type="refresh_token", refresh_token=first)
    assert answer.refresh_token not in ("", first)
    assert issue(caller, call, grant_type="refresh_token", refresh_token=first) == answer
    with pytest.raises(grpc.RpcError):
        issue(caller, grant_type="refresh_token", refresh_token=answer.refresh_token)
    caller.installation.clock.advance(11)
    with pytest.raises(grpc.RpcError):
        issue(caller, call, grant_type="refresh_token", refresh_token=first)
    with pytest.raises(grpc.RpcError):
        issue(caller, call, grant_type="refresh_token", refresh_token=answer.refresh_token)
    assert is_dead(caller, answer.access_token)


def test_a_refresh_token_dies_with_its_session(caller: Caller, ann: Made) -> None:
    robot = new_client(caller.installation, ann.tenant_id, service_account=False)
    runtime, now_ms = caller.installation.runtime, caller.installation.clock.now_ms()
    with runtime.store.write() as work:
        session = open_session(
            work, ann.tenant_id, "browser", ann.id, "pwd", now_ms, 3600, runtime.entropy, access_epoch=0
        )
    token = rotating(caller, ann, robot, session.id)
    with runtime.store.write() as work:
        end_session(work, ann.tenant_id, session.id, now_ms)
    with pytest.raises(grpc.RpcError) as refused:
        issue(caller, basic(robot.id, robot.secret), grant_type="refresh_token", refresh_token=token)
    assert refused.value.code() is INVALID


def test_too_many_tries_are_refused_in_both_dialects_together(caller: Caller, ann: Made) -> None:
    seen = []
    for attempt in range(13):
        try:
            if attempt % 2:
                csp_login(caller, "ann@example.com", "wrong")
            else:
                vcd_login(caller, "ANN@acme", "wrong")
        except grpc.RpcError as refused:
            seen.append(refused.code())
    assert seen == [UNAUTHENTICATED] * 11 + [grpc.StatusCode.RESOURCE_EXHAUSTED] * 2
