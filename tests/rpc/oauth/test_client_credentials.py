"""Client authentication and the client_credentials grant."""

from __future__ import annotations

import contextlib
import json
import statistics
import time

import pytest
from kit.audited import audited
from kit.callers import Caller
from kit.oauth import Application, Runtime, basic, refused

from ostiary.audit.runtime_capture import CAPTURE_RUNTIME_ACTIVITY
from ostiary.delivery.channels.http_providers import MESSAGE_TYPE
from ostiary.directory.roles.application_roles import create_role, put_client_roles
from ostiary.errors import DomainError
from ostiary.http.forms import Form
from ostiary.keys.tenant_signature import TenantSignature
from ostiary.mfa import extensions
from ostiary.oauth.clients.authentication import authenticate_client
from ostiary.oauth.clients.clients import PUBLIC, put_scopes
from ostiary.store.tables import Client, table_of
from ostiary.store.tenancy import touch
from ostiary_api.appid.management.v4 import runtime_activity_pb2 as activity_pb

GRANT = {"grant_type": "client_credentials"}


@pytest.fixture
def runtime(caller: Caller) -> Runtime:
    return Runtime(caller)


@pytest.fixture
def app(runtime: Runtime) -> Application:
    return runtime.application()


def give_scopes(runtime: Runtime, app: Application, *scopes: str) -> None:
    """A role with these scopes of the application, held by the application itself."""
    made = runtime.made
    with made.runtime.store.write() as work:
        put_scopes(work, app.tenant_id, app.id, scopes)
        role = create_role(
            work, app.tenant_id, "worker", "", {app.id: list(scopes)}, made.runtime.entropy, made.clock.now_ms()
        )
        put_client_roles(work, app.tenant_id, app.id, [role.id])


def test_the_token_is_exactly_what_the_documentation_shows(runtime: Runtime, app: Application) -> None:
    answer = runtime.token(GRANT, app.basic)
    assert set(answer) == {"access_token", "token_type", "expires_in", "scope"}
    assert (answer["token_type"], answer["expires_in"], answer["scope"]) == ("Bearer", 3600, "appid_default")
    header, claims = runtime.verified(answer["access_token"])
    kid = header.pop("kid")
    assert header == {"alg": "RS256", "typ": "JWT", "ver": 4}
    assert kid.startswith(f"appId-{app.tenant_id}-")
    now = runtime.made.clock.now_ms() // 1000
    assert claims == {
        "iss": f"{runtime.made.runtime.settings.base_url}/oauth/v4/{app.tenant_id}", "aud": [app.id], "sub": app.id,
        "exp": now + 3600, "iat": now, "tenant": app.tenant_id, "amr": ["appid_client_credentials"],
        "scope": "appid_default",
    }  # fmt: skip


def test_every_kind_of_form_is_read(runtime: Runtime, app: Application) -> None:
    urlencoded = "application/x-www-form-urlencoded"
    part = b'--xx\r\nContent-Disposition: form-data; name="grant_type"\r\n\r\nclient_credentials\r\n--xx--\r\n'
    forms = {
        urlencoded: b"grant_type=client_credentials",
        f"{urlencoded}; charset=utf-8": b"grant_type=client_credentials",
        "application/json": json.dumps(GRANT).encode(),
        "multipart/form-data; boundary=xx": part,
    }
    for kind, data in forms.items():
        assert runtime.token(data, app.basic, kind)["scope"] == "appid_default", kind


def test_the_client_may_authenticate_in_the_body(runtime: Runtime, app: Application) -> None:
    assert runtime.token({**GRANT, "client_id": app.id, "client_secret": app.secret})["access_token"]


def test_the_client_id_may_stand_beside_basic(runtime: Runtime, app: Application) -> None:
    assert runtime.token({**GRANT, "client_id": app.id}, app.basic)["access_token"]


def test_who_encodes_basic_as_the_rfc_says_is_understood(runtime: Runtime, app: Application) -> None:
    encoded = "".join(f"%{byte:02X}" for byte in app.secret.encode())
    assert runtime.token(GRANT, basic(app.id, encoded))["access_token"]


def test_two_ways_of_authentication_are_refused(runtime: Runtime, app: Application) -> None:
    other = runtime.application("other")
    for form in (
        {"client_secret": app.secret},
        {"client_id": other.id},
        {"client_id": other.id, "client_secret": other.secret},
    ):
        with refused("invalid_request"):
            runtime.token({**GRANT, **form}, app.basic)


def test_all_that_is_wrong_with_a_client_is_one_answer(runtime: Runtime, app: Application) -> None:
    unknown = "00000000-0000-4000-8000-000000000000"
    wrong = [("", app.secret), (app.id, ""), (app.id, "wrong"), (app.id, f"{app.secret}x"), (unknown, app.secret)]
    broken = ["", "Basic", "Basic !!!", "Basic bm9jb2xvbg==", "Bearer abc"]
    for authorization in (*broken, *(basic(name, secret) for name, secret in wrong)):
        with refused("invalid_client") as seen:
            runtime.token(GRANT, authorization)
        assert seen.value.message == "The client is unknown or its secret is wrong."


def test_another_tenants_client_is_unknown(caller: Caller, app: Application) -> None:
    other = Runtime(caller, caller.installation.new_tenant("other"))
    with refused("invalid_client"):
        other.token(GRANT, app.basic)


@pytest.mark.parametrize("change", ["disabled", "deleted"])
def test_a_client_is_refused_at_once_when_it_is_disabled_or_gone(
    runtime: Runtime, app: Application, change: str
) -> None:
    reader = runtime.application("reader")
    token = runtime.token(GRANT, app.basic)["access_token"]
    assert runtime.is_active(token, reader)
    clients = table_of(Client)
    with runtime.made.runtime.store.write() as work:
        if change == "disabled":
            work.run(clients.update().where(clients.c.id == app.id).values(enabled=False))
        else:
            work.run(clients.delete().where(clients.c.id == app.id))
        touch(work, app.tenant_id)
    with refused("invalid_client"):
        runtime.token(GRANT, app.basic)
    assert not runtime.is_active(token, reader)


def test_an_application_without_a_secret_gets_no_token_for_itself(runtime: Runtime) -> None:
    page = runtime.application("page", PUBLIC)
    with refused("unauthorized_client"):
        runtime.token({**GRANT, "client_id": page.id})


def test_a_grant_type_must_be_known(runtime: Runtime, app: Application) -> None:
    for grant_type, error in (("", ""), ("implicit", "unsupported_grant_type")):
        with refused(error):
            runtime.token({"grant_type": grant_type}, app.basic)


def test_scopes_of_its_roles_are_added(runtime: Runtime, app: Application) -> None:
    give_scopes(runtime, app, "orders.read", "orders.write")
    assert runtime.token(GRANT, app.basic)["scope"] == "appid_default orders.read orders.write"


def test_fewer_scopes_may_be_asked_for(runtime: Runtime, app: Application) -> None:
    give_scopes(runtime, app, "orders.read", "orders.write")
    for asked, scope in (
        ("appid_default", "appid_default orders.read orders.write"),
        ("orders.read", "appid_default orders.read"),
        ("appid_default app/orders.write", "appid_default orders.write"),
    ):
        answer = runtime.token({**GRANT, "scope": asked}, app.basic)
        assert answer["scope"] == scope
        assert runtime.verified(answer["access_token"])[1]["scope"] == scope


def test_a_scope_that_is_not_granted_is_refused(runtime: Runtime, app: Application) -> None:
    give_scopes(runtime, app, "orders.read")
    for asked in ("orders.delete", "orders.read orders.delete", "openid nosuch", "appid_authenticated", "*"):
        with refused("invalid_scope"):
            runtime.token({**GRANT, "scope": asked}, app.basic)


@pytest.mark.parametrize("captured", [True, False])
def test_runtime_activity_is_recorded_where_the_tenant_captures_it(
    runtime: Runtime, app: Application, captured: bool
) -> None:
    made = runtime.made
    with made.runtime.store.write() as work:
        config = activity_pb.RuntimeActivityConfig(is_active=captured)
        CAPTURE_RUNTIME_ACTIVITY.replace(work, app.tenant_id, config, made.clock.now_ms())
    runtime.token(GRANT, app.basic)
    with refused("invalid_client"):
        runtime.token(GRANT, basic(app.id, "wrong"))
    rows = [row for row in audited(made, app.tenant_id) if row.action.startswith("appid.application.auth")]
    seen = [(row.action, row.outcome, row.reason_code, row.target_id, row.target_name) for row in rows]
    action, name = "appid.application.authenticate", "client_credentials:"
    success = (action, "success", 200, app.id, f"{name}{app.id}")
    assert seen == ([success, (action, "failure", 401, "unknown", name)] if captured else [])


def test_introspection_says_what_a_living_token_is(runtime: Runtime, app: Application) -> None:
    token = runtime.token(GRANT, app.basic)["access_token"]
    seen = runtime.introspect({"token": token}, app.basic)
    assert (seen.active, seen.client_id, seen.sub, seen.scope) == (True, app.id, app.id, "appid_default")
    assert seen.exp - seen.iat == 3600
    runtime.made.clock.advance(3600)
    dead = runtime.introspect({"token": token}, app.basic)
    assert (dead.active, dead.HasField("sub"), dead.HasField("scope")) == (False, False, False)


@pytest.mark.own_installation
def test_foreign_and_spoilt_tokens_are_not_active(caller: Caller, runtime: Runtime, app: Application) -> None:
    token = runtime.token(GRANT, app.basic)["access_token"]
    other = Runtime(caller, caller.installation.new_tenant("other"))
    foreign = other.token(GRANT, other.application().basic)["access_token"]
    platform = caller.token(caller.installation.api_keys["manager"])
    for bad in ("x", " ", token[:-4], f"{token[:-4]}AAAA", f"{token}x", foreign, platform):
        assert not runtime.is_active(bad, app)


def test_what_the_tenants_key_signs_for_other_readers_is_no_token(runtime: Runtime, app: Application) -> None:
    claims = runtime.verified(runtime.token(GRANT, app.basic)["access_token"])[1]
    parts = runtime.made.runtime
    sign = TenantSignature(parts.store, parts.tenancy, parts.keys)
    assert runtime.is_active(sign(runtime.tenant_id, claims, "JWT"), app), "nothing is wrong with the claims"
    for kind in (MESSAGE_TYPE, extensions.TYPE, "jwt", ""):
        assert not runtime.is_active(sign(runtime.tenant_id, claims, kind), app)


def test_introspection_wants_a_client_with_a_secret(runtime: Runtime, app: Application) -> None:
    token = runtime.token(GRANT, app.basic)["access_token"]
    page = runtime.application("page", PUBLIC)
    for authorization, form in (("", {}), ("", {"client_id": page.id}), (basic(app.id, "wrong"), {})):
        with refused("invalid_client"):
            runtime.introspect({"token": token, **form}, authorization)


def test_a_revoked_access_token_is_dead_at_once(runtime: Runtime, app: Application) -> None:
    token = runtime.token(GRANT, app.basic)["access_token"]
    runtime.revoke({"token": token}, app.basic)
    assert not runtime.is_active(token, app)
    runtime.revoke({"token": token}, app.basic)


@pytest.mark.parametrize("token", ["unknown", "another application's"])
def test_revoking_what_is_not_ones_own_changes_nothing(runtime: Runtime, app: Application, token: str) -> None:
    other = runtime.application("other")
    theirs = runtime.token(GRANT, other.basic)["access_token"]
    runtime.revoke({"token": theirs if token != "unknown" else "f" * 64}, app.basic)
    assert runtime.is_active(theirs, app)


def test_tokens_of_one_second_do_not_die_with_each_other(runtime: Runtime, app: Application) -> None:
    revoked, *others = (runtime.token(GRANT, app.basic)["access_token"] for _ in range(20))
    alive = set(others) - {revoked}
    assert len(alive) > 1
    runtime.revoke({"token": revoked}, app.basic)
    assert all(runtime.is_active(token, app) for token in alive)


def test_the_time_of_a_refusal_tells_nothing_of_the_secret(runtime: Runtime, app: Application) -> None:
    near = app.secret[:-1] + ("A" if app.secret[-1] != "A" else "B")
    far = ("A" if app.secret[0] != "A" else "B") + app.secret[1:]
    headers = {"near": basic(app.id, near), "far": basic(app.id, far)}
    took: dict[str, list[int]] = {"near": [], "far": []}
    with runtime.made.runtime.store.read() as work:
        tenant = runtime.made.runtime.tenancy.find(work, app.tenant_id)
        assert tenant is not None
        for turn in range(10_000):  # by turns, so that whatever else the machine does falls on both alike
            kind = "near" if turn % 2 else "far"
            started = time.perf_counter_ns()
            with contextlib.suppress(DomainError):
                authenticate_client(work, tenant, headers[kind], Form({}))
            took[kind].append(time.perf_counter_ns() - started)
    quartiles = {kind: statistics.quantiles(times, n=4) for kind, times in took.items()}
    spread = max(upper - lower for lower, _, upper in quartiles.values())
    assert abs(quartiles["near"][1] - quartiles["far"][1]) <= max(spread, 0.05 * quartiles["far"][1])
