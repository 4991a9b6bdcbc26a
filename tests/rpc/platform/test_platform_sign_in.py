"""Signing in at csp and cloudapi over native gRPC: passwords and sessions."""

from __future__ import annotations

import base64

import grpc
import pytest
from kit.accounts.people import PASSWORD, Made, new_person
from kit.callers import Caller, bearer
from kit.platform import (
    CALL,
    INVALID,
    UNAUTHENTICATED,
    claims_of,
    csp_login,
    is_dead,
    me,
    swap,
    vcd_login,
)

from ostiary.store.tenancy import SYSTEM_ID
from ostiary_api.cloudapi.v1 import sessions_pb2
from ostiary_api.cloudapi.v1.sessions_pb2_grpc import SessionsServiceStub
from ostiary_api.csp.v1 import login_pb2, principal_user_pb2
from ostiary_api.csp.v1.login_pb2_grpc import LoginServiceStub
from ostiary_api.csp.v1.principal_user_pb2_grpc import PrincipalUserServiceStub

# They name tenants, or count what an installation has.
pytestmark = pytest.mark.own_installation


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


@pytest.mark.parametrize("domain", ["System Domain", "SYSTEM DOMAIN", "  system domain "])
def test_the_local_directory_is_the_default_organizations(shared_caller: Caller, someone: Made, domain: str) -> None:
    who = login_pb2.Credentials(username=someone.name, password=PASSWORD, domain=domain)
    answer = LoginServiceStub(shared_caller.channel).Login(login_pb2.LoginRequest(credentials=who), **CALL)
    assert me(shared_caller, answer.csp_auth_token).id == someone.id


def test_an_api_token_becomes_an_access_token_for_clients_of_vra(caller: Caller, ann: Made) -> None:
    who = login_pb2.Credentials(username=ann.name, password=PASSWORD)
    request = login_pb2.LoginRequest(credentials=who, access_token="")
    signed_in = LoginServiceStub(caller.channel).Login(request, **CALL)

    def swapped(token: str) -> login_pb2.SwappedToken:
        given = login_pb2.RefreshTokenCredentials(refresh_token=token)
        return LoginServiceStub(caller.channel).SwapRefreshToken(
            login_pb2.SwapRefreshTokenRequest(credentials=given), **CALL
        )

    answer = swapped(signed_in.refresh_token)
    assert (answer.token_type, me(caller, answer.token).id) == ("Bearer", ann.id)
    for bad in ("", "x", signed_in.access_token):
        with pytest.raises(grpc.RpcError) as refused:
            swapped(bad)
        assert refused.value.code() is INVALID
