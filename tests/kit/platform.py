"""Signing in at csp and cloudapi over native gRPC, as their clients do."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import grpc
from google.api import httpbody_pb2
from kit.accounts.people import PASSWORD, Made
from kit.callers import Caller, bearer
from kit.patience import PATIENCE_S

from ostiary.keys import jwt
from ostiary.oauth.sessions.refresh import PLATFORM, ROTATING, GrantTerms, open_grant
from ostiary_api.cloudapi.v1 import sessions_pb2
from ostiary_api.cloudapi.v1.sessions_pb2_grpc import SessionsServiceStub
from ostiary_api.csp.v1 import authentication_pb2, login_pb2, principal_user_pb2, user_pb2
from ostiary_api.csp.v1.authentication_pb2_grpc import AuthenticationServiceStub
from ostiary_api.csp.v1.login_pb2_grpc import LoginServiceStub
from ostiary_api.csp.v1.principal_user_pb2_grpc import PrincipalUserServiceStub
from ostiary_api.oidc.v1 import provider_pb2
from ostiary_api.oidc.v1.provider_pb2_grpc import ProviderServiceStub

INVALID, UNAUTHENTICATED = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNAUTHENTICATED
CALL = {"timeout": PATIENCE_S}
VCLOUD = "{http://www.vmware.com/vcloud/v1.5}"
"""The namespace of what is below `/api/`."""


def parsed(answer: str | bytes) -> ET.Element:
    """The root of a document in XML that our server has written."""
    return ET.fromstring(answer)  # noqa: S314


def form(**fields: str) -> httpbody_pb2.HttpBody:
    return httpbody_pb2.HttpBody(content_type="application/x-www-form-urlencoded", data=urlencode(fields).encode())


def basic(name: str, password: str) -> dict[str, Any]:
    encoded = base64.b64encode(f"{name}:{password}".encode()).decode()
    return {"metadata": (("authorization", f"Basic {encoded}"),), "timeout": PATIENCE_S}


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


def api_token_of(caller: Caller, ann: Made) -> str:
    return csp_login(caller, "ann", PASSWORD, flag="x").refresh_token


def issue(caller: Caller, call: dict[str, Any] | None = None, **fields: str) -> provider_pb2.TokenAnswer:
    request = provider_pb2.IssueTokenRequest(form=form(**fields))
    return ProviderServiceStub(caller.channel).IssueToken(request, **(call or CALL))


def rotating(caller: Caller, ann: Made, robot: Made, session_id: str = "") -> str:
    token, now_ms = f"{'ab' * 32}", caller.installation.clock.now_ms()
    terms = GrantTerms(ROTATING, PLATFORM, ann.id, now_ms, robot.id, ann.id, session_id)
    runtime = caller.installation.runtime
    with runtime.store.write() as work:
        open_grant(work, ann.tenant_id, terms, token, runtime.entropy, now_ms, 86_400)
    return token
