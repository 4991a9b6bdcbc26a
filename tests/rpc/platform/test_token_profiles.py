"""Profiles of the token endpoint: every one signs in the same place, and takes every grant type that is written."""

from __future__ import annotations

import base64
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
from kit.accounts.people import PASSWORD, Made, new_client
from kit.accounts.signing_in import sign_in
from kit.audited import audited
from kit.callers import Caller
from kit.oauth import PASSWORD as APP_PASSWORD
from kit.oauth import Runtime
from kit.platform import api_token_of, basic, claims_of, is_dead, issue, me, rotating, swap
from kit.tokens import ask

from ostiary.config import Settings
from ostiary.directory.passwords.passwords import Passwords
from ostiary.directory.signin.password_sign_in import PasswordSignIn
from ostiary.directory.users.changes import update_user
from ostiary.directory.users.input import UserChange
from ostiary.errors import DomainError
from ostiary.oauth.platform.accounts import Account, living_account
from ostiary.oauth.platform.profile import PlatformProfile, PlatformRequest
from ostiary.oauth.platform.sessions import CSP, SignInContext
from ostiary.oauth.sessions.access_revocation import end_access_of_user
from ostiary.oauth.sessions.refresh import revoke_grants_of
from ostiary.oauth.token.grants.password import PasswordGrant
from ostiary.runtime.oauth import build_oauth

READERS = 8


def header(client: Made) -> str:
    return "Basic " + base64.b64encode(f"{client.id}:{client.secret}".encode()).decode()


def take_every_connection(caller: Caller) -> None:
    """Fails with STORE_BUSY when the request that signs holds one of them, or a transaction."""
    store = caller.installation.runtime.store
    with ExitStack() as held:
        for _ in range(READERS):
            held.enter_context(store.read())
        with store.write():
            pass


@pytest.mark.own_installation
def test_no_profile_holds_a_connection_while_tokens_are_signed(caller: Caller, ann: Made) -> None:
    made = caller.installation
    profiles, app, oauth = made.runtime.oauth.token_profiles, Runtime(caller).application(), Runtime(caller)
    oauth.settings(refresh={"enabled": True, "expires_in": 86_400})
    oauth.user()
    robot, api_token = new_client(made, made.tenant_id, service_account=True), api_token_of(caller, ann)
    password = {"grant_type": "password", "username": "ada@example.com", "password": APP_PASSWORD}
    key = {"grant_type": "urn:ibm:params:oauth:grant-type:apikey", "apikey": made.api_keys["reader"]}
    refreshed = {"grant_type": "refresh_token", "refresh_token": api_token}
    asked: list[tuple[Any, dict[str, str], str]] = [
        (profiles.app, {"grant_type": "client_credentials"}, app.basic),
        (profiles.app, password, app.basic),
        (profiles.oidc, {"grant_type": "client_credentials"}, header(robot)),
        (profiles.oidc, {**refreshed, "refresh_token": rotating(caller, ann, robot)}, header(robot)),
        (profiles.csp, refreshed, ""),
        (profiles.csp_api_tokens, refreshed, ""),
        (profiles.cloudapi, refreshed, ""),
        (profiles.iam, key, ""),
    ]
    for profile, form, authorization in asked:
        seen: list[bool] = []

        def look(seen: list[bool] = seen) -> None:
            take_every_connection(caller)
            seen.append(True)

        answer = ask(made, profile, form, authorization, while_signing=look)
        assert (bool(answer["access_token"]), seen) == (True, [True])


class Watched(Passwords):
    """Compares passwords as the server does, but something happens first, in the thread of the request."""

    def __init__(self, settings: Settings, happens: Callable[[], object]) -> None:
        super().__init__(settings)
        self._happens = happens

    def verify(self, tenant_id: str, phc: str | None, password: str, decoy: str | None = None) -> bool:
        self._happens()
        return super().verify(tenant_id, phc, password, decoy)


@pytest.mark.own_installation
def test_no_connection_is_held_while_a_password_is_hashed(caller: Caller, ann: Made) -> None:
    made, oauth, seen = caller.installation, Runtime(caller), list[bool]()
    app, _ = oauth.application(), oauth.user()
    parts = made.runtime

    def look() -> None:
        take_every_connection(caller)
        seen.append(True)

    passwords = Watched(parts.settings, look)
    sign_in = PasswordSignIn(parts.store, parts.clock, passwords, parts.sealing, parts.limits.exact)
    watched = build_oauth(parts, replace(parts.directory, passwords=passwords, sign_in=sign_in), parts.messages)
    form = {"grant_type": "password", "username": "ada@example.com", "password": APP_PASSWORD}
    assert ask(made, watched.token_profiles.app, form, app.basic)["access_token"]
    with pytest.raises(DomainError, match="incorrect"):
        ask(made, watched.token_profiles.app, {**form, "username": "nobody@example.com"}, app.basic)
    at, enter = SignInContext(CSP, "csp.login", "r1"), watched.platform_sessions.sign_in
    assert enter(at, "", "ann", PASSWORD).issued.access_token
    with pytest.raises(DomainError, match="incorrect"):
        enter(at, "nowhere", "ann", PASSWORD)
    assert seen == [True] * 4


def test_of_requests_with_one_rotating_token_at_once_all_get_the_same_answer(caller: Caller, ann: Made) -> None:
    robot = new_client(caller.installation, ann.tenant_id, service_account=False)
    call, first = basic(robot.id, robot.secret), rotating(caller, ann, robot)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: issue(caller, call, grant_type="refresh_token", refresh_token=first), "abcd"))
    assert all(answer == answers[0] for answer in answers)
    assert issue(caller, call, grant_type="refresh_token", refresh_token=answers[0].refresh_token).refresh_token


@pytest.mark.own_installation
def test_an_answer_is_not_repeated_to_who_is_locked_since(caller: Caller, ann: Made) -> None:
    made = caller.installation
    robot = new_client(made, ann.tenant_id, service_account=False)
    form = {"grant_type": "refresh_token", "refresh_token": rotating(caller, ann, robot)}
    profile = made.runtime.oauth.token_profiles.oidc
    first = ask(made, profile, form, header(robot))
    assert ask(made, profile, form, header(robot)) == first
    with made.runtime.store.write() as work:
        change = UserChange(locked_until=made.clock.now_ms() + 60_000)
        update_user(work, ann.tenant_id, ann.id, change, made.clock.now_ms())
    with pytest.raises(DomainError, match="not valid"):
        ask(made, profile, form, header(robot))


@pytest.mark.own_installation
def test_an_api_token_revoked_while_its_tokens_are_signed_opens_nothing(caller: Caller, ann: Made) -> None:
    made, token = caller.installation, api_token_of(caller, ann)

    def revoke() -> None:
        with made.runtime.store.write() as work:
            revoke_grants_of(work, ann.tenant_id, made.clock.now_ms(), user_id=ann.id)

    form = {"grant_type": "refresh_token", "refresh_token": token}
    before = sessions(caller)
    with pytest.raises(DomainError, match="not valid"):
        ask(made, made.runtime.oauth.token_profiles.csp_api_tokens, form, while_signing=revoke)
    assert sessions(caller) == before
    assert "csp.token.issue" not in [event.action for event in audited(made)]


def sessions(caller: Caller) -> int:
    with caller.installation.runtime.store.read() as work:
        found = work.connection.exec_driver_sql("SELECT count(*) FROM sessions").scalar()
    return int(found or 0)


@pytest.mark.own_installation
@pytest.mark.parametrize("kind", ["oidc", "csp", "csp_api_tokens", "cloudapi"])
def test_each_use_of_an_api_token_is_recorded_with_its_session(caller: Caller, ann: Made, kind: str) -> None:
    made, token = caller.installation, api_token_of(caller, ann)
    form = {"grant_type": "refresh_token", "refresh_token": token}
    claims = claims_of(ask(made, getattr(made.runtime.oauth.token_profiles, kind), form)["access_token"])
    found = [event for event in audited(made) if event.action == "csp.token.issue"]
    assert [(one.initiator_id, one.target_type, one.target_id) for one in found] == [(ann.id, "session", claims["sid"])]


def with_passwords(caller: Caller) -> PlatformProfile:
    """`/oidc` with one grant type more: all that it takes is an entry."""
    parts = caller.installation.runtime

    def by_password(request: PlatformRequest, username: str, password: str) -> Account:
        request.reading.release()
        user = sign_in(parts, request.tenant, username, password, platform=True)
        with parts.store.read() as work:
            account = living_account(work, request.tenant, user.user_id, request.now_ms)
        assert account is not None
        return account

    profile = parts.oauth.token_profiles.oidc
    return replace(profile, grants={**profile.grants, "password": PasswordGrant(by_password, "pwd")})


GRANT = {"grant_type": "password", "username": "ann", "password": PASSWORD}


def test_a_grant_type_is_an_entry_of_a_profile(caller: Caller, ann: Made) -> None:
    robot = new_client(caller.installation, ann.tenant_id, service_account=False)
    answer = ask(caller.installation, with_passwords(caller), GRANT, header(robot))
    claims = claims_of(answer["access_token"])
    assert (claims["sub"], claims["azp"], claims["iss"]) == (ann.id, robot.id, f"{claims['aud'][0]}/oidc")
    assert me(caller, answer["access_token"]).id == ann.id
    again = issue(
        caller, basic(robot.id, robot.secret), grant_type="refresh_token", refresh_token=answer["refresh_token"]
    )
    assert me(caller, again.access_token).id == ann.id
    with pytest.raises(Exception, match="not valid"):
        swap(caller, answer["refresh_token"])


def test_who_is_shut_out_while_tokens_are_signed_gets_no_grant(caller: Caller, ann: Made) -> None:
    made = caller.installation
    robot = new_client(made, ann.tenant_id, service_account=False)

    def end() -> None:
        with made.runtime.store.write() as work:
            end_access_of_user(work, ann.tenant_id, ann.id, made.clock.now_ms())

    with pytest.raises(DomainError, match="signed out meanwhile"):
        ask(made, with_passwords(caller), GRANT, header(robot), while_signing=end)
    assert not is_dead(caller, ask(made, with_passwords(caller), GRANT, header(robot))["access_token"])
