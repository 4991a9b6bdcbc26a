"""Whoever is shut out stays out, also with what was being opened at that very moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
import pytest
from kit.accounts.people import PASSWORD as MEMBERS_PASSWORD
from kit.accounts.people import new_person
from kit.browser import CALLBACK, Browser
from kit.callers import Caller
from kit.oauth import PASSWORD, Application, Runtime, refused
from kit.platform import is_dead, swap
from kit.tokens import Interrupted, ask

from ostiary.directory.users.changes import update_user
from ostiary.directory.users.input import UserChange
from ostiary.errors import DomainError
from ostiary.oauth.platform.sessions import CSP, OpenedSession, PlatformSessions, SignInContext
from ostiary.oauth.sessions.access_revocation import end_access_of_user, end_grants_of_profile, remove_user
from ostiary.oauth.sessions.sessions import end_sessions_of_user
from ostiary.oauth.token.issuing import Issuing
from ostiary.store.work import Work

End = Callable[[Work, str, str, int], Any]


@pytest.fixture
def oauth(caller: Caller) -> Runtime:
    return Runtime(caller)


def end(oauth: Runtime, how: End, whom: str) -> None:
    with oauth.made.runtime.store.write() as work:
        how(work, oauth.tenant_id, whom, oauth.made.clock.now_ms())


def sign_in_while(oauth: Runtime, app: Application, happens: Callable[[], object]) -> None:
    """Ada signs in, and while her tokens are being made something happens that ends her access."""
    profile = oauth.made.runtime.oauth.token_profiles.app
    form = {"grant_type": "password", "username": "ada@example.com", "password": PASSWORD}
    seen: list[object] = []
    with pytest.raises(Exception, match="signed out meanwhile"):
        ask(oauth.made, profile, form, app.basic, while_signing=lambda: seen.append(happens()))
    assert len(seen) == 1


@pytest.mark.parametrize(("how", "by_profile"), [(end_access_of_user, False), (end_grants_of_profile, True)])
def test_no_token_is_issued_to_who_was_shut_out_while_it_was_made(oauth: Runtime, how: End, by_profile: bool) -> None:
    app, user_id = oauth.application(), oauth.user()
    profile_id = str(oauth.verified(oauth.sign_in(app)["access_token"])[1]["sub"])
    sign_in_while(oauth, app, lambda: end(oauth, how, profile_id if by_profile else user_id))
    oauth.sign_in(app)  # whoever knows the password is let in anew


def test_no_token_is_issued_to_who_was_deleted_while_it_was_made(oauth: Runtime) -> None:
    app, user_id = oauth.application(), oauth.user()
    end(oauth, end_access_of_user, user_id)  # so that the user has an epoch that goes with it
    sign_in_while(oauth, app, lambda: end(oauth, remove_user, user_id))


def test_a_code_made_for_a_sign_in_of_before_is_worth_nothing(oauth: Runtime) -> None:
    app, browser, user_id = oauth.application(), Browser(oauth), oauth.user()
    browser.register(CALLBACK)
    code = browser.sign_in(app)
    with oauth.made.runtime.store.write() as work:  # as when the code is stored a moment later than all ends
        end_access_of_user(work, oauth.tenant_id, user_id, oauth.made.clock.now_ms())
        work.connection.exec_driver_sql("UPDATE authorization_codes SET used_at = NULL")
        work.connection.exec_driver_sql("UPDATE sessions SET ended_at = NULL")
    with refused("invalid_grant"):
        oauth.token({"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}, app.basic)


def test_a_grant_opened_for_a_sign_in_of_before_is_worth_nothing(oauth: Runtime) -> None:
    oauth.settings(access={"expires_in": 3600}, refresh={"enabled": True, "expires_in": 86_400})
    app, user_id = oauth.application(), oauth.user()
    tokens = oauth.sign_in(app)
    with oauth.made.runtime.store.write() as work:
        end_access_of_user(work, oauth.tenant_id, user_id, oauth.made.clock.now_ms())
        work.connection.exec_driver_sql("UPDATE grants SET revoked_at = NULL")
    with refused("invalid_grant"):
        oauth.refresh(app, tokens["refresh_token"])
    oauth.refresh(app, oauth.sign_in(app)["refresh_token"])


def test_a_code_dies_with_its_session(oauth: Runtime) -> None:
    app, browser, user_id = oauth.application(), Browser(oauth), oauth.user()
    browser.register(CALLBACK)
    code = browser.sign_in(app)
    end(oauth, end_sessions_of_user, user_id)
    with refused("invalid_grant"):
        oauth.token({"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}, app.basic)


def test_access_tokens_that_no_grant_lists_die_too_from_the_next_second_on(oauth: Runtime) -> None:
    oauth.settings(access={"expires_in": 3600}, refresh={"enabled": False})
    app, user_id = oauth.application(), oauth.user()
    before = oauth.sign_in(app)["access_token"]
    oauth.made.clock.advance(1)
    end(oauth, end_access_of_user, user_id)
    assert not oauth.is_active(before, app)
    assert oauth.is_active(oauth.sign_in(app)["access_token"], app)


def signed_in(caller: Caller, issuing: Issuing, **wanted: str) -> OpenedSession:
    """Ann signs in at csp; an issuing of the test's own makes the tokens."""
    parts = caller.installation.runtime
    sessions = PlatformSessions(
        parts.store, parts.tenancy, parts.clock, parts.entropy, parts.oauth.platform_tokens, parts.directory.passwords,
        parts.directory.sign_in,
        issuing, parts.events,
    )  # fmt: skip
    return sessions.sign_in(SignInContext(CSP, "csp.login", ""), "", "ann", MEMBERS_PASSWORD, **wanted)


@pytest.mark.own_installation
def test_a_platform_session_opened_for_a_sign_in_of_before_is_worth_nothing(caller: Caller) -> None:
    made = caller.installation
    parts, ann = made.runtime, new_person(made, made.tenant_id, "ann", "org_member")
    interrupted = Interrupted(made, lambda: end(Runtime(caller), end_access_of_user, ann.id))
    opened = signed_in(caller, interrupted, api_token="script")
    assert is_dead(caller, opened.issued.access_token)
    with pytest.raises(grpc.RpcError) as seen:
        swap(caller, opened.api_token)
    assert seen.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    opened = signed_in(caller, Issuing(parts.group_commit))
    assert not is_dead(caller, opened.issued.access_token)
    with parts.store.write() as work:
        end_access_of_user(work, made.tenant_id, ann.id, made.clock.now_ms())
        work.connection.exec_driver_sql("UPDATE sessions SET ended_at = NULL")
    assert is_dead(caller, opened.issued.access_token)


def test_who_is_shut_out_while_the_password_is_checked_is_not_let_in(caller: Caller) -> None:
    made = caller.installation
    parts, ann = made.runtime, new_person(made, made.tenant_id, "ann", "org_member")
    with parts.store.read() as work:
        tenant = parts.tenancy.find(work, made.tenant_id)
        assert tenant is not None
        known = parts.directory.sign_in.look_up(work, tenant, "ann", at_platform=True)
    proved = parts.directory.sign_in.prove(known, MEMBERS_PASSWORD)
    with parts.store.write() as work:
        update_user(work, made.tenant_id, ann.id, UserChange(active=False), made.clock.now_ms())
    with pytest.raises(DomainError, match="incorrect"), parts.store.write() as work:
        parts.directory.sign_in.admit(work, proved)
