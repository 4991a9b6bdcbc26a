"""What the audit ledger holds: every operation, every runtime event that a tenant captures, every token given out."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode

import grpc
import pytest
from google.api import httpbody_pb2
from google.protobuf import json_format
from kit.accounts.directory import MANAGEMENT, People, body
from kit.accounts.people import PASSWORD, new_client, new_person
from kit.audited import audited
from kit.callers import Caller, bearer, refusal
from kit.oauth import Application, Refused
from kit.servers.recovering import Recovering

from ostiary.audit.runtime_capture import CAPTURE_RUNTIME_ACTIVITY
from ostiary.audit.trail import event_document
from ostiary.oauth.sessions.refresh import PLATFORM, ROTATING, GrantTerms, open_grant
from ostiary_api.appid.management.v4 import recent_activity_pb2, runtime_activity_pb2
from ostiary_api.cloudapi.v1 import tenant_token_pb2
from ostiary_api.cloudapi.v1.tenant_token_pb2_grpc import TenantTokenServiceStub
from ostiary_api.csp.v1 import authentication_pb2, login_pb2
from ostiary_api.csp.v1.authentication_pb2_grpc import AuthenticationServiceStub
from ostiary_api.csp.v1.login_pb2_grpc import LoginServiceStub
from ostiary_api.oidc.v1 import provider_pb2
from ostiary_api.oidc.v1.provider_pb2_grpc import ProviderServiceStub

DENIED, NOT_FOUND = grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.NOT_FOUND


def capture(people: People) -> None:
    with people.made.runtime.store.write() as work:
        config = runtime_activity_pb2.RuntimeActivityConfig(is_active=True)
        CAPTURE_RUNTIME_ACTIVITY.replace(work, people.tenant_id, config, 1)


@dataclass
class Scene:
    """Jane, her profile and her tokens."""

    people: Recovering
    app: Application
    user_id: str
    profile_id: str
    tokens: dict[str, Any]

    def attributes(self, method: str, **request: Any) -> None:
        path = f"identity.profiles.v1.AttributesService/{method}"
        self.people.caller.ask(path, request, **bearer(self.tokens["access_token"]))

    def sign_in_wrong(self) -> None:
        with pytest.raises(Refused):
            self.people.oauth.sign_in(self.app, "jane@example.com", password="wrong")

    def application(self, secret: str) -> None:
        app = Application(self.app.tenant_id, self.app.id, secret or self.app.secret)
        if secret:
            with pytest.raises(Refused):
                self.people.oauth.token({"grant_type": "client_credentials"}, app.basic)
        else:
            self.people.oauth.token({"grant_type": "client_credentials"}, app.basic)

    def confirm(self) -> None:
        self.people.set_up()
        self.people.sign_up({"emails": [{"value": "kim@example.com"}], "password": PASSWORD})
        self.people.submit(self.people.code())

    def renew(self) -> None:
        self.people.forgot()
        self.people.choose(self.people.code("RESET_PASSWORD"))


@pytest.fixture
def scene(shared_caller: Caller) -> Scene:
    people = Recovering(shared_caller)
    made = people.with_profile()
    app = people.oauth.application()
    people.oauth.settings(refresh={"enabled": True, "expires_in": 86_400})
    tokens = people.tokens(app)
    capture(people)
    return Scene(people, app, made["id"], made["profileId"], tokens)


RUNTIME_EVENTS: dict[str, tuple[Callable[[Scene], Any], tuple[str, int, str, str]]] = {
    "appid.user.authenticate": (
        lambda scene: scene.people.tokens(scene.app),
        ("success", 200, "appid/user", "cloud_directory:{user}"),
    ),
    "appid.user.authenticate, refused": (
        lambda scene: scene.sign_in_wrong(), ("failure", 401, "appid/user", "cloud_directory:"),
    ),
    "appid.application.authenticate": (
        lambda scene: scene.application(""), ("success", 200, "appid/application", "client_credentials:{app}"),
    ),
    "appid.application.authenticate, refused": (
        lambda scene: scene.application("wrong"), ("failure", 401, "appid/application", "client_credentials:"),
    ),
    "appid.cloud-dir-user.create": (
        lambda scene: scene.people.with_profile("lee@example.com"),
        ("success", 200, "appid/cloud_dir/user", "cloud_directory:{target}"),
    ),
    "appid.cloud-dir-user.allow": (
        lambda scene: scene.confirm(), ("success", 200, "appid/cloud_dir/user", "cloud_directory:{target}"),
    ),
    "appid.cloud-dir-user.set-off": (
        lambda scene: scene.people.users("InvalidateUserSsoSessions", userId=scene.user_id),
        ("success", 200, "appid/cloud_dir/user", "cloud_directory:{user}"),
    ),
    "appid.cloud-dir-user-credentials.renew": (
        lambda scene: scene.renew(), ("success", 200, "appid/cloud_dir/user", "cloud_directory:{user}"),
    ),
    "appid.cloud-dir-user-credentials.update": (
        lambda scene: scene.people.change(scene.user_id),
        ("success", 200, "appid/cloud_dir/user", "cloud_directory:{user}"),
    ),
    "appid.user-tokens.revoke": (
        lambda scene: scene.people.oauth.revoke({"token": scene.tokens["refresh_token"]}, scene.app.basic),
        ("success", 200, "appid/user", "profiles:{profile}"),
    ),
    "appid.user-tokens.revoke, access": (
        lambda scene: scene.people.oauth.revoke({"token": scene.tokens["access_token"]}, scene.app.basic),
        ("success", 200, "appid/user", "profiles:{profile}"),
    ),
    "appid.user-profile-attributes.read": (
        lambda scene: scene.attributes("ListAttributes"),
        ("success", 200, "appid-user-profiles/attributes", "profiles:{profile}"),
    ),
    "appid.user-profile-attributes.update": (
        lambda scene: scene.attributes("PutAttribute", name="x", value=body("1", "text/plain")),
        ("success", 200, "appid-user-profiles/attributes", "profiles:{profile}"),
    ),
    "appid.user-profile-attributes.delete": (
        lambda scene: (
            scene.attributes("PutAttribute", name="x", value=body("1", "text/plain")),
            scene.attributes("DeleteAttribute", name="x"),
        ),
        ("success", 200, "appid-user-profiles/attributes", "profiles:{profile}"),
    ),
}  # fmt: skip
"""Documented runtime event -> how it arises, and its outcome, reason, type and name of target."""


@pytest.mark.parametrize("event", RUNTIME_EVENTS)
def test_every_documented_runtime_event_arises(scene: Scene, event: str) -> None:
    arise, (outcome, reason, type_uri, name) = RUNTIME_EVENTS[event]
    arise(scene)
    tenant_id = scene.people.tenant_id
    (row,) = [row for row in audited(scene.people.made, tenant_id) if row.action == event.partition(",")[0]]
    found = event_document(row)
    names = {"user": scene.user_id, "profile": scene.profile_id, "app": scene.app.id, "target": row.target_id}
    assert (found["outcome"], found["reason"]) == (outcome, {"reasonCode": reason})
    assert (found["target"]["typeURI"], found["target"]["name"]) == (type_uri, name.format(**names))
    assert found["initiator"] == {"id": tenant_id, "kind": "tenant"}
    crn = found["target"]["id"]
    assert crn == "crn:unknown" if outcome == "failure" else crn.endswith(f":{row.target_id}")
    assert found["requestId"]


def test_without_capturing_no_runtime_event_is_kept(shared_caller: Caller) -> None:
    people = Recovering(shared_caller)
    made = people.with_profile()
    app = people.oauth.application()
    scene = Scene(people, app, made["id"], made["profileId"], people.tokens(app))
    scene.sign_in_wrong()
    scene.application("")
    scene.attributes("ListAttributes")
    people.change(scene.user_id)
    assert {row.action for row in audited(people.made, people.tenant_id)} == {
        "iam-identity.serviceid-apikey.login", "appid.self-sign-up.start", "appid.user-password.update",
    }  # fmt: skip


def test_reads_and_refusals_are_recorded_beside_changes(caller: Caller) -> None:
    made = caller.installation
    tokens = f"{MANAGEMENT}.TokensService"
    caller.ask(f"{tokens}/GetTokensConfig", {"tenantId": made.tenant_id}, "reader")
    put = partial(caller.ask, f"{tokens}/PutTokensConfig", {"tenantId": made.tenant_id, "config": {}})
    assert refusal(lambda: put("reader"))[0] is DENIED
    put("writer")
    seen = [(row.action, row.outcome, row.reason_code, row.target_id, row.initiator_kind) for row in audited(made)]
    assert [entry for entry in seen if "tokens-config" in entry[0]] == [
        ("appid.tokens-config.read", "success", 200, made.tenant_id, "api_key"),
        ("appid.tokens-config.update", "failure", 403, "unknown", "api_key"),
        ("appid.tokens-config.update", "success", 200, made.tenant_id, "api_key"),
    ]


def test_who_reaches_for_another_tenant_is_recorded_at_home(caller: Caller) -> None:
    made = caller.installation
    other = made.new_tenant("other")
    read = partial(caller.ask, f"{MANAGEMENT}.TokensService/GetTokensConfig", {"tenantId": other}, "manager")
    assert refusal(read)[0] is NOT_FOUND
    assert [(row.action, row.reason_code) for row in audited(made, made.tenant_id)][-1] == (
        "appid.tokens-config.read", 404,
    )  # fmt: skip
    assert audited(made, other) == []


def form(**fields: str) -> httpbody_pb2.HttpBody:
    return httpbody_pb2.HttpBody(content_type="application/x-www-form-urlencoded", data=urlencode(fields).encode())


def api_token(caller: Caller) -> str:
    new_person(caller.installation, caller.installation.tenant_id, "ann")
    who = login_pb2.Credentials(username="ann", password=PASSWORD)
    request = login_pb2.LoginRequest(credentials=who, access_token="")
    return str(LoginServiceStub(caller.channel).Login(request, timeout=20).refresh_token)


def rotating(caller: Caller) -> str:
    made = caller.installation
    bob = new_person(made, made.tenant_id, "bob")
    terms = GrantTerms(kind=ROTATING, audience=PLATFORM, subject=bob.id, auth_time=1, user_id=bob.id)
    with made.runtime.store.write() as work:
        now_ms = made.clock.now_ms()
        open_grant(work, made.tenant_id, terms, "rotating", made.runtime.entropy, now_ms, 3_600)
    return "rotating"


def by_csp_swap(caller: Caller) -> None:
    request = authentication_pb2.AuthorizeApiTokenRequest(form=form(api_token=api_token(caller)))
    AuthenticationServiceStub(caller.channel).AuthorizeApiToken(request, timeout=20)


def by_csp_grant(caller: Caller) -> None:
    grant = form(grant_type="refresh_token", refresh_token=api_token(caller))
    AuthenticationServiceStub(caller.channel).IssueToken(authentication_pb2.IssueTokenRequest(form=grant), timeout=20)


def by_tenant_token(caller: Caller) -> None:
    grant = form(grant_type="refresh_token", refresh_token=api_token(caller))
    request = tenant_token_pb2.IssueTenantTokenRequest(tenant="acme", form=grant)
    TenantTokenServiceStub(caller.channel).IssueTenantToken(request, timeout=20)


def by_rotation(caller: Caller) -> None:
    grant = form(grant_type="refresh_token", refresh_token=rotating(caller))
    ProviderServiceStub(caller.channel).IssueToken(provider_pb2.IssueTokenRequest(form=grant), timeout=20)


def by_service_account(caller: Caller) -> None:
    made = caller.installation
    robot = new_client(made, made.tenant_id, service_account=True)
    secret = base64.b64encode(f"{robot.id}:{robot.secret}".encode()).decode()
    request = provider_pb2.IssueTokenRequest(form=form(grant_type="client_credentials"))
    metadata = (("authorization", f"Basic {secret}"),)
    ProviderServiceStub(caller.channel).IssueToken(request, metadata=metadata, timeout=20)


TOKENS_GIVEN: dict[str, tuple[Callable[[Caller], object], str, str]] = {
    "IAM": (lambda caller: caller.token(caller.installation.api_keys["reader"]),
            "iam-identity.serviceid-apikey.login", "api_key"),
    "csp, API token": (by_csp_swap, "csp.api-token.authorize", "user"),
    "csp, grant": (by_csp_grant, "csp.token.issue", "user"),
    "organization": (by_tenant_token, "cloudapi.tenant-token.issue", "user"),
    "oidc, rotation": (by_rotation, "oidc.token.issue", "user"),
    "oidc, service account": (by_service_account, "oidc.token.issue", "client"),
}  # fmt: skip


@pytest.mark.own_installation
@pytest.mark.parametrize("way", TOKENS_GIVEN)
def test_every_way_to_a_platform_token_is_recorded(caller: Caller, way: str) -> None:
    get, action, kind = TOKENS_GIVEN[way]
    get(caller)
    made = caller.installation
    (row,) = [row for row in audited(made, made.tenant_id) if row.action == action]
    assert (row.initiator_kind, row.outcome, bool(row.initiator_id)) == (kind, "success", True)


def test_recent_authentications_are_the_latest_first(scene: Scene) -> None:
    scene.people.tokens(scene.app)
    scene.sign_in_wrong()
    scene.attributes("ListAttributes")
    audited(scene.people.made)
    answer = scene.people.manage("RecentActivityService/ListRecentAuthentications")
    assert [(event["action"], event["reason"]["reasonCode"]) for event in answer["events"]] == [
        ("appid.user.authenticate", 401), ("appid.user.authenticate", 200),
    ]  # fmt: skip
    one = scene.people.manage("RecentActivityService/ListRecentAuthentications", count=1)
    assert one["events"] == answer["events"][:1]
    too_many = partial(scene.people.manage, "RecentActivityService/ListRecentAuthentications", count=101)
    assert refusal(too_many)[1] == "INVALID_COUNT"


def test_the_export_and_the_proto_have_one_shape(scene: Scene) -> None:
    scene.people.tokens(scene.app)
    row = audited(scene.people.made, scene.people.tenant_id)[-1]
    document = event_document(row)
    message = json_format.ParseDict(document, recent_activity_pb2.AuditEvent())
    assert json_format.MessageToDict(message, always_print_fields_with_no_presence=True) == document
    assert "jane" not in json.dumps(document)
