"""Sessions of cloudapi over native gRPC: what they say of their holder, and who gets none."""

from __future__ import annotations

import grpc
import pytest
from kit.accounts.organization import Organization
from kit.accounts.people import PASSWORD
from kit.callers import Caller, bearer, refusal
from kit.platform import parsed, vcd_login

from ostiary.directory.roles.granting import Holder
from ostiary_api.cloudapi.v1 import sessions_pb2
from ostiary_api.cloudapi.v1.sessions_pb2_grpc import SessionsServiceStub
from ostiary_api.vcloud.v1 import session_pb2
from ostiary_api.vcloud.v1.session_pb2_grpc import SessionServiceStub


@pytest.fixture
def org(shared_caller: Caller) -> Organization:
    return Organization(shared_caller)


def current(caller: Caller, token: str) -> sessions_pb2.Session:
    return SessionsServiceStub(caller.channel).GetCurrentSession(
        sessions_pb2.GetCurrentSessionRequest(), **bearer(token)
    )


def test_a_session_names_the_roles_that_groups_give_too(org: Organization) -> None:
    ann = org.person("ann")
    inner = org.group("inner", Holder(ann.id))
    org.group("outer", inner, role="org_owner")
    org.group("former", Holder(ann.id), role="org_member", until=org.clock.now_ms() - 1)
    session, token = vcd_login(org.caller, f"ann@{org.name}", PASSWORD)
    assert list(session.roles) == [role.name for role in session.role_refs] == ["org_owner"]
    assert (session.session_idle_timeout_minutes, session.org.name) == (60, org.name)
    assert current(org.caller, token) == session
    stub = SessionServiceStub(org.caller.channel)
    older = parsed(stub.GetSession(session_pb2.GetSessionRequest(), **bearer(token)).data)
    assert (older.attrib["roles"], older.attrib["sessionId"]) == ("org_owner", session.id.rpartition(":")[2])


def test_where_a_second_factor_is_asked_for_a_password_alone_opens_no_session(org: Organization) -> None:
    org.person("ann")
    key = org.made.new_api_key(org.id, "manager")
    config = {"tenant_id": org.id, "config": {"isActive": True}}
    manager = bearer(org.caller.token(key))
    org.caller.ask("identity.appid.management.v4.MfaService/PutMfaConfig", config, **manager)
    login = refusal(lambda: vcd_login(org.caller, f"ann@{org.name}", PASSWORD))
    assert login == (grpc.StatusCode.PERMISSION_DENIED, "SECOND_FACTOR_REQUIRED")
