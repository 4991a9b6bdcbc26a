"""Password and refresh_token, userinfo, mapped claims."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from kit.audited import audited
from kit.callers import Caller
from kit.oauth import PASSWORD, Application, Refused, Runtime, refused
from sqlalchemy import update

from ostiary.audit.runtime_capture import CAPTURE_RUNTIME_ACTIVITY
from ostiary.directory.profiles.profiles import delete_profile
from ostiary.directory.roles.application_roles import create_role, put_profile_roles
from ostiary.directory.users.users import delete_user
from ostiary.oauth.clients.clients import PUBLIC, put_scopes
from ostiary.oauth.sessions.refresh import revoke_grants_of
from ostiary.store.tables import Profile, User, table_of
from ostiary_api.appid.management.v4 import runtime_activity_pb2 as activity_pb
from ostiary_api.appid.management.v4 import tokens_pb2 as tokens_pb

USER_SCOPE = "openid appid_default appid_readuserattr appid_readprofile appid_writeuserattr appid_authenticated"
REFRESHED = {"refresh": tokens_pb.RefreshTokenConfig(enabled=True)}


@pytest.fixture
def runtime(caller: Caller) -> Runtime:
    return Runtime(caller)


@pytest.fixture
def app(runtime: Runtime) -> Application:
    return runtime.application()


def profile_of(answer: dict[str, Any], runtime: Runtime) -> str:
    return str(runtime.verified(answer["access_token"])[1]["sub"])


def give_role(runtime: Runtime, app: Application, profile_id: str, *scopes: str) -> None:
    """Gives a profile the role `clerk` with these scopes of the application; without scopes, takes it away."""
    made = runtime.made.runtime
    with made.store.write() as work:
        roles = []
        if scopes:
            put_scopes(work, app.tenant_id, app.id, scopes)
            access = {app.id: list(scopes)}
            role = create_role(work, app.tenant_id, "clerk", "", access, made.entropy, made.clock.now_ms())
            roles = [role.id]
        put_profile_roles(work, app.tenant_id, profile_id, roles)


def test_the_tokens_are_exactly_what_the_documentation_shows(runtime: Runtime, app: Application) -> None:
    user_id = runtime.user(given_name="Ada", family_name="Lovelace")
    answer = runtime.sign_in(app)
    assert set(answer) == {"access_token", "id_token", "token_type", "expires_in", "scope"}
    assert answer["scope"] == USER_SCOPE
    now = runtime.made.clock.now_ms() // 1000
    header, access = runtime.verified(answer["access_token"])
    assert (header["alg"], header["typ"], header["ver"]) == ("RS256", "JWT", 4)
    subject = access["sub"]
    shared = {
        "iss": f"{runtime.made.runtime.settings.base_url}/oauth/v4/{app.tenant_id}", "aud": [app.id], "sub": subject,
        "exp": now + 3600, "iat": now, "tenant": app.tenant_id, "amr": ["cloud_directory"], "email_verified": True,
    }  # fmt: skip
    assert access == {**shared, "scope": USER_SCOPE}
    header, identity = runtime.verified(answer["id_token"])
    assert (header["alg"], header["typ"], header["ver"]) == ("RS256", "JWT", 4)
    assert identity == {
        **shared, "name": "Ada Lovelace", "email": "ada@example.com", "preferred_username": "ada@example.com",
        "given_name": "Ada", "family_name": "Lovelace", "auth_time": now,
        "identities": [{"provider": "cloud_directory", "id": user_id}],
    }  # fmt: skip
    assert subject != user_id


def test_somebody_has_the_same_subject_at_every_sign_in_and_application(runtime: Runtime, app: Application) -> None:
    runtime.user()
    other = runtime.application("other")
    assert len({profile_of(runtime.sign_in(each), runtime) for each in (app, app, other)}) == 1


def test_a_refused_sign_in_says_what_the_sdks_compare(runtime: Runtime, app: Application) -> None:
    runtime.user()
    runtime.user("pending@example.com", confirmed=False)
    for username, password in (("ada@example.com", "wrong"), ("nobody@example.com", PASSWORD), ("x" * 2000, PASSWORD)):
        with refused("invalid_grant") as seen:
            runtime.sign_in(app, username, password=password)
        assert seen.value.message == "The email or password that you entered is incorrect."
        assert seen.value.facts["status"] == "400"
    with refused("invalid_grant") as seen:
        runtime.sign_in(app, "pending@example.com")
    assert (seen.value.message, seen.value.facts["error_code"]) == ("Pending user verification", "FORBIDDEN")


def test_what_the_grant_needs_must_be_there(runtime: Runtime, app: Application) -> None:
    runtime.user()
    for form in ({"username": ""}, {"password": ""}):
        with pytest.raises(Refused) as seen:
            runtime.token(
                {"grant_type": "password", "username": "ada@example.com", "password": PASSWORD, **form}, app.basic
            )
        assert seen.value.reason == "MISSING_FIELD"


def test_an_application_without_a_secret_may_not_send_passwords(runtime: Runtime) -> None:
    page = runtime.application("page", PUBLIC)
    form = {"grant_type": "password", "username": "ada@example.com", "password": PASSWORD, "client_id": page.id}
    with refused("unauthorized_client"):
        runtime.token(form)


def test_sign_ins_are_recorded_where_the_tenant_captures_them(runtime: Runtime, app: Application) -> None:
    user_id = runtime.user()
    with runtime.made.runtime.store.write() as work:
        CAPTURE_RUNTIME_ACTIVITY.replace(work, app.tenant_id, activity_pb.RuntimeActivityConfig(is_active=True), 1)
    subject = profile_of(runtime.sign_in(app), runtime)
    with refused("invalid_grant"):
        runtime.sign_in(app, password="wrong")
    rows = [row for row in audited(runtime.made) if row.action == "appid.user.authenticate"]
    assert [(row.action, row.outcome, row.reason_code, row.target_id, row.target_name) for row in rows] == [
        ("appid.user.authenticate", "success", 200, subject, f"cloud_directory:{user_id}"),
        ("appid.user.authenticate", "failure", 401, "unknown", "cloud_directory:"),
    ]


def test_role_scopes_stand_in_the_access_token_without_prefix(runtime: Runtime, app: Application) -> None:
    runtime.user()
    subject = profile_of(runtime.sign_in(app), runtime)
    give_role(runtime, app, subject, "orders.read", "orders.write")
    other = runtime.application("other")
    assert runtime.sign_in(app)["scope"] == f"{USER_SCOPE} orders.read orders.write"
    assert runtime.sign_in(app, scope="openid profile email orders.read")["scope"] == f"{USER_SCOPE} orders.read"
    assert runtime.sign_in(other)["scope"] == USER_SCOPE
    with refused("invalid_scope"):
        runtime.sign_in(other, scope="orders.read")


def test_refresh_tokens_come_only_where_the_tenant_issues_them(runtime: Runtime, app: Application) -> None:
    runtime.user()
    runtime.settings(**REFRESHED)
    answer = runtime.sign_in(app)
    again = runtime.refresh(app, answer["refresh_token"])
    assert set(again) == {"access_token", "id_token", "refresh_token", "token_type", "expires_in", "scope"}
    assert again["refresh_token"] != answer["refresh_token"]
    assert profile_of(again, runtime) == profile_of(answer, runtime)
    runtime.settings()
    with refused("invalid_grant"):
        runtime.refresh(app, again["refresh_token"])


def test_a_repeated_refresh_gets_the_same_answer_within_ten_seconds(runtime: Runtime, app: Application) -> None:
    runtime.user()
    runtime.settings(**REFRESHED)
    token = runtime.sign_in(app)["refresh_token"]
    first = runtime.refresh(app, token)
    runtime.made.clock.advance(9)
    assert runtime.refresh(app, token) == first


def test_eight_refreshes_at_once_get_one_answer(runtime: Runtime, app: Application) -> None:
    runtime.user()
    runtime.settings(**REFRESHED)
    token = runtime.sign_in(app)["refresh_token"]
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: runtime.refresh(app, token), range(8)))
    assert answers == [answers[0]] * 8


def test_reuse_kills_the_family_and_its_access_tokens(runtime: Runtime, app: Application) -> None:
    runtime.user()
    runtime.settings(**REFRESHED)
    first = runtime.sign_in(app)
    runtime.made.clock.advance(1)
    second = runtime.refresh(app, first["refresh_token"])
    runtime.made.clock.advance(10)
    for token in (first["refresh_token"], second["refresh_token"]):
        with refused("invalid_grant"):
            runtime.refresh(app, token)
    for token in (first["access_token"], second["access_token"]):
        assert not runtime.is_active(token, app)
        with pytest.raises(Refused) as seen:
            runtime.userinfo(token)
        assert seen.value.reason == "INVALID_TOKEN"


def test_another_client_cannot_use_the_token(caller: Caller, runtime: Runtime, app: Application) -> None:
    runtime.user()
    runtime.settings(**REFRESHED)
    token = runtime.sign_in(app)["refresh_token"]
    other_tenant = Runtime(caller, caller.installation.new_tenant("other"))
    other_tenant.settings(**REFRESHED)
    for stranger, where in ((runtime.application("other"), runtime), (other_tenant.application(), other_tenant)):
        with refused("invalid_grant"):
            where.refresh(stranger, token)
    assert runtime.refresh(app, token)["access_token"]


@pytest.mark.parametrize("change", ["deactivated", "locked", "user deleted", "profile deleted", "revoked", "marked"])
def test_a_refresh_for_somebody_who_may_no_longer_sign_in_is_refused_at_once(
    runtime: Runtime, app: Application, change: str
) -> None:
    user_id = runtime.user()
    runtime.settings(**REFRESHED)
    answer = runtime.sign_in(app)
    subject, now = profile_of(answer, runtime), runtime.made.clock.now_ms()
    users, profiles = table_of(User), table_of(Profile)
    with runtime.made.runtime.store.write() as work:
        match change:
            case "deactivated":
                work.run(update(users).where(users.c.id == user_id).values(active=False))
            case "locked":
                work.run(update(users).where(users.c.id == user_id).values(locked_until=now + 1000))
            case "user deleted":
                delete_user(work, app.tenant_id, user_id)
            case "profile deleted":
                delete_profile(work, app.tenant_id, subject)
            case "revoked":
                revoke_grants_of(work, app.tenant_id, now, subject=subject)
            case _:
                work.run(
                    update(profiles)
                    .where(profiles.c.id == subject)
                    .values(access_epoch=1, tokens_valid_from=now + 1000)
                )
    with refused("invalid_grant"):
        runtime.refresh(app, answer["refresh_token"])
    if change != "locked":  # a lock keeps people from signing in; it does not end what they hold
        assert not runtime.is_active(answer["access_token"], app)


def test_a_role_taken_away_is_missing_from_the_next_token(runtime: Runtime, app: Application) -> None:
    runtime.user()
    runtime.settings(**REFRESHED)
    subject = profile_of(runtime.sign_in(app), runtime)
    give_role(runtime, app, subject, "orders.read")
    answer = runtime.sign_in(app)
    assert "orders.read" in answer["scope"].split()
    give_role(runtime, app, subject)
    assert runtime.refresh(app, answer["refresh_token"])["scope"] == USER_SCOPE


def test_a_refresh_may_narrow_and_never_widen(runtime: Runtime, app: Application) -> None:
    runtime.user()
    runtime.settings(**REFRESHED)
    subject = profile_of(runtime.sign_in(app), runtime)
    give_role(runtime, app, subject, "orders.read", "orders.write", "orders.delete")
    token = runtime.sign_in(app, scope="orders.read orders.write")["refresh_token"]
    with refused("invalid_scope"):
        runtime.refresh(app, token, scope="orders.delete")
    narrowed = runtime.refresh(app, token, scope="orders.write")
    assert narrowed["scope"] == f"{USER_SCOPE} orders.write"
    assert runtime.refresh(app, narrowed["refresh_token"])["scope"] == f"{USER_SCOPE} orders.read orders.write"


def test_revoking_a_refresh_token_ends_all_that_was_issued_with_it(runtime: Runtime, app: Application) -> None:
    runtime.user()
    runtime.settings(**REFRESHED)
    answer = runtime.sign_in(app)
    stranger = runtime.application("other")
    runtime.revoke({"token": answer["refresh_token"]}, stranger.basic)
    assert runtime.is_active(answer["access_token"], app)
    runtime.revoke({"token": answer["refresh_token"], "token_type_hint": "refresh_token"}, app.basic)
    assert not runtime.is_active(answer["access_token"], app)
    with refused("invalid_grant"):
        runtime.refresh(app, answer["refresh_token"])


def test_userinfo_says_what_is_known(runtime: Runtime, app: Application) -> None:
    user_id = runtime.user(given_name="Ada", family_name="Lovelace", locale="en-GB")
    answer = runtime.sign_in(app)
    known = runtime.userinfo(answer["access_token"])
    (identity,) = known.pop("identities")
    assert known == {
        "sub": profile_of(answer, runtime), "name": "Ada Lovelace", "email": "ada@example.com", "locale": "en-GB",
        "preferred_username": "ada@example.com", "given_name": "Ada", "family_name": "Lovelace",
        "email_verified": True, "updated_at": runtime.made.clock.now_ms() // 1000,
    }  # fmt: skip
    assert (identity["provider"], identity["id"]) == ("cloud_directory", user_id)
    assert identity["idpUserInfo"]["name"]["familyName"] == "Lovelace"


@pytest.mark.own_installation
def test_userinfo_takes_access_tokens_of_users_of_its_own_tenant_only(
    caller: Caller, runtime: Runtime, app: Application
) -> None:
    runtime.user()
    answer = runtime.sign_in(app)
    other = Runtime(caller, caller.installation.new_tenant("other"))
    platform = caller.token(caller.installation.api_keys["operator"])
    for where, token, reason in (
        (runtime, answer["id_token"], "INVALID_TOKEN"),
        (runtime, platform, "INVALID_TOKEN"),
        (runtime, answer["access_token"][:-3], "INVALID_TOKEN"),
        (runtime, runtime.token({"grant_type": "client_credentials"}, app.basic)["access_token"], "INSUFFICIENT_SCOPE"),
        (other, answer["access_token"], "TENANT_NOT_FOUND"),
    ):
        with pytest.raises(Refused) as seen:
            where.userinfo(token)
        assert seen.value.reason == reason


def test_an_identity_token_is_introspected_too(runtime: Runtime, app: Application) -> None:
    user_id = runtime.user()
    answer = runtime.sign_in(app)
    assert runtime.is_active(answer["id_token"], app)
    with runtime.made.runtime.store.write() as work:
        delete_user(work, app.tenant_id, user_id)
    assert not runtime.is_active(answer["id_token"], app)


def test_claims_are_mapped_in_order_and_never_over_the_reserved_ones(runtime: Runtime, app: Application) -> None:
    runtime.user(given_name="Ada", family_name="Lovelace")
    subject = profile_of(runtime.sign_in(app), runtime)
    give_role(runtime, app, subject, "orders.read")
    profiles = table_of(Profile)
    with runtime.made.runtime.store.write() as work:
        attributes = '{"plan":{"tier":"gold"},"email":"x@evil.example","s":"appid_authenticated extra","n":null}'
        work.run(update(profiles).where(profiles.c.id == subject).values(attributes=attributes))
    plain = runtime.sign_in(app)

    def mapping(source: str, claim: str = "", target: str = "") -> tokens_pb.ClaimMapping:
        return tokens_pb.ClaimMapping(source=source, source_claim=claim or None, destination_claim=target or None)

    mappings = [
        mapping("roles"), mapping("cloud_directory", "name.givenName", "who.first"),
        mapping("cloud_directory", "name.familyName", "who.last"), mapping("attributes", "plan.tier"),
        mapping("attributes", "plan.tier", "tier"), mapping("cloud_directory", "displayName", "tier"),
        mapping("attributes", "missing"), mapping("attributes", "n"), mapping("saml", "name_id"),
        mapping("attributes", "email", "email"),
        *(mapping("attributes", "email", name) for name in ("iss", "aud", "sub", "iat", "exp", "amr", "tenant")),
        mapping("attributes", "email", "identities"), mapping("attributes", "s", "scope"),
    ]  # fmt: skip
    runtime.settings(id_token_claims=mappings, access_token_claims=mappings)
    answer = runtime.sign_in(app)
    mapped = {
        "roles": ["clerk"], "who": {"first": "Ada", "last": "Lovelace"}, "plan": {"tier": "gold"},
        "tier": "Ada Lovelace", "email": "x@evil.example",
    }  # fmt: skip
    identity = runtime.verified(answer["id_token"])[1]
    assert identity == {
        **runtime.verified(plain["id_token"])[1], **mapped,
    }  # fmt: skip
    access = runtime.verified(answer["access_token"])[1]
    before = runtime.verified(plain["access_token"])[1]
    scope = f"{before['scope']} extra"
    assert access == {**before, **mapped, "identities": "x@evil.example", "scope": scope}
    assert answer["scope"] == scope


def test_roles_are_an_empty_array_for_somebody_without_any(runtime: Runtime, app: Application) -> None:
    runtime.user()
    runtime.settings(id_token_claims=[tokens_pb.ClaimMapping(source="roles")])
    assert runtime.verified(runtime.sign_in(app)["id_token"])[1]["roles"] == []


@pytest.mark.parametrize(("kind", "most"), [("id_token", 102_400), ("access_token", 40_000)])
def test_mapped_claims_have_a_documented_size_and_more_is_refused_with_the_reason(
    runtime: Runtime, app: Application, kind: str, most: int
) -> None:
    runtime.user()
    subject = profile_of(runtime.sign_in(app), runtime)
    mapping = tokens_pb.ClaimMapping(source="attributes", source_claim="a", destination_claim="a")
    runtime.settings(**{f"{kind}_claims": [mapping]})
    longest = most - len('{"a": ""}')

    def hold(length: int) -> None:
        profiles = table_of(Profile)
        with runtime.made.runtime.store.write() as work:
            attributes = json.dumps({"a": "x" * length})
            work.run(update(profiles).where(profiles.c.id == subject).values(attributes=attributes))

    hold(longest)
    assert len(runtime.verified(runtime.sign_in(app)[kind])[1]["a"]) == longest
    hold(longest + 1)
    with pytest.raises(Refused) as seen:
        runtime.sign_in(app)
    assert seen.value.reason == "MAPPED_CLAIMS_TOO_LARGE"
