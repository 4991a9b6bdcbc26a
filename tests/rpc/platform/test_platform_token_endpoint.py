"""The platform's token endpoint over native gRPC: service accounts, and refresh tokens that rotate."""

from __future__ import annotations

import grpc
import pytest
from kit.accounts.people import Made, new_client
from kit.callers import Caller, bearer
from kit.platform import (
    INVALID,
    UNAUTHENTICATED,
    basic,
    claims_of,
    form,
    is_dead,
    issue,
    me,
    rotating,
)

from ostiary.oauth.clients.clients import allow_service_account
from ostiary.oauth.sessions.sessions import end_session, open_session
from ostiary_api.csp.v1 import authentication_pb2
from ostiary_api.csp.v1.authentication_pb2_grpc import AuthenticationServiceStub
from ostiary_api.oidc.v1 import provider_pb2
from ostiary_api.oidc.v1.provider_pb2_grpc import ProviderServiceStub


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


@pytest.mark.own_installation
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
