"""What applications tell of their users."""

from __future__ import annotations

import pytest
from kit.audited import audited
from kit.callers import Caller, bearer
from kit.oauth import Refused, Runtime, oauth_errors

from ostiary.audit.runtime_capture import CAPTURE_RUNTIME_ACTIVITY
from ostiary_api.appid.management.v4 import runtime_activity_pb2
from ostiary_api.appid.oauth.v4 import activity_pb2 as pb
from ostiary_api.appid.oauth.v4 import activity_pb2_grpc


@pytest.fixture
def runtime(caller: Caller) -> Runtime:
    return Runtime(caller)


def tell(runtime: Runtime, access_token: str, id_token: str, event: str = "logout") -> None:
    activity = pb.Activity(event_name=event, id_token=id_token)
    stub = activity_pb2_grpc.ActivityServiceStub(runtime.caller.channel)
    with oauth_errors():
        stub.LogActivity(pb.LogActivityRequest(tenant_id=runtime.tenant_id, activity=activity), **bearer(access_token))


def left(runtime: Runtime) -> list[str]:
    return [row.target_id for row in audited(runtime.made, runtime.tenant_id) if row.action == "appid.user.logout"]


def test_a_sign_out_of_an_application_is_kept_where_the_tenant_captures_it(runtime: Runtime) -> None:
    app, _ = runtime.application(), runtime.user()
    tokens = runtime.sign_in(app)
    tell(runtime, tokens["access_token"], tokens["id_token"])
    assert left(runtime) == []
    with runtime.made.runtime.store.write() as work:
        config = runtime_activity_pb2.RuntimeActivityConfig(is_active=True)
        CAPTURE_RUNTIME_ACTIVITY.replace(work, runtime.tenant_id, config, 1)
    runtime.made.clock.advance(1_000)
    tell(runtime, tokens["access_token"], tokens["id_token"])
    assert left(runtime) == [runtime.verified(tokens["id_token"])[1]["sub"]]
    assert runtime.is_active(tokens["access_token"], app), "an event ends nothing"
    runtime.user("eve@example.com")
    other = runtime.sign_in(app, "eve@example.com")["id_token"]
    elsewhere = runtime.sign_in(runtime.application("other"))["id_token"]
    for id_token, event, reason in (
        (other, "logout", "INVALID_ID_TOKEN"),
        (elsewhere, "logout", "INVALID_ID_TOKEN"),
        (tokens["access_token"], "logout", "INVALID_ID_TOKEN"),
        ("x.y.z", "logout", "INVALID_ID_TOKEN"),
        (tokens["id_token"], "login", "INVALID_FIELD"),
        (tokens["id_token"], "", "FIELD_MISSING"),
        ("", "logout", "FIELD_MISSING"),
        ("x" * 16_385, "logout", "INVALID_FIELD"),
    ):
        with pytest.raises(Refused) as seen:
            tell(runtime, tokens["access_token"], id_token, event)
        assert seen.value.reason == reason
    assert len(left(runtime)) == 1
