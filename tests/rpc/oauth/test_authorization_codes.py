"""Authorization codes: bound, proved by PKCE, used once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from kit.browser import CHALLENGE, SDK_CHALLENGE, VERIFIER, Browser, redeem
from kit.callers import Caller
from kit.oauth import Application, Refused, Runtime, basic, refused
from sqlalchemy import update

from ostiary.store.tables import User, table_of
from ostiary_api.appid.management.v4 import tokens_pb2 as tokens_pb


@pytest.mark.parametrize("challenge", [CHALLENGE, SDK_CHALLENGE])
def test_both_forms_of_pkce_are_proved_by_the_verifier_alone(
    runtime: Runtime, browser: Browser, page_app: Application, challenge: str
) -> None:
    pkce = {"code_challenge": challenge, "code_challenge_method": "S256"}
    swapped = VERIFIER.swapcase()
    for wrong in ("", VERIFIER[:-1], f"{VERIFIER}x", swapped, challenge, "x"):
        with refused("invalid_grant"):
            redeem(runtime, page_app, browser.sign_in(page_app, **pkce), code_verifier=wrong)
    answer = redeem(runtime, page_app, browser.sign_in(page_app, **pkce), code_verifier=VERIFIER)
    assert answer["access_token"]


@pytest.mark.parametrize("challenge", [CHALLENGE.swapcase(), SDK_CHALLENGE.swapcase(), f"{CHALLENGE[:-1]}A"])
def test_a_challenge_is_compared_whole(
    runtime: Runtime, browser: Browser, page_app: Application, challenge: str
) -> None:
    code = browser.sign_in(page_app, code_challenge=challenge, code_challenge_method="S256")
    with refused("invalid_grant"):
        redeem(runtime, page_app, code, code_verifier=VERIFIER)


def test_the_sdk_of_single_page_applications_sends_the_verifier_as_its_password(
    runtime: Runtime, browser: Browser, page_app: Application
) -> None:
    runtime.settings(refresh=tokens_pb.RefreshTokenConfig(enabled=True))
    pkce = {"code_challenge": SDK_CHALLENGE, "code_challenge_method": "S256"}
    code = browser.sign_in(page_app, **pkce)
    with refused("invalid_client"):
        redeem(runtime, page_app, code, basic(page_app.id, "other"), code_verifier=VERIFIER)
    answer = redeem(runtime, page_app, code, basic(page_app.id, VERIFIER), code_verifier=VERIFIER)
    assert "refresh_token" not in answer


def test_a_verifier_without_a_challenge_is_a_downgrade(runtime: Runtime, browser: Browser, app: Application) -> None:
    with refused("invalid_grant"):
        redeem(runtime, app, browser.sign_in(app), code_verifier=VERIFIER)


def test_a_code_belongs_to_its_client_tenant_and_redirect_uri(
    caller: Caller, runtime: Runtime, browser: Browser, app: Application
) -> None:
    code = browser.sign_in(app)
    other_tenant = Runtime(caller, caller.installation.new_tenant("other"))
    for where, client, form in (
        (runtime, runtime.application("other"), {}),
        (other_tenant, other_tenant.application(), {}),
        (runtime, app, {"redirect_uri": "https://spa.example.com"}),
        (runtime, app, {"redirect_uri": ""}),
    ):
        with refused("invalid_grant"):
            redeem(where, client, code, **form)
    assert redeem(runtime, app, code)["access_token"]


def test_a_code_lives_a_minute(runtime: Runtime, browser: Browser, app: Application) -> None:
    code = browser.sign_in(app)
    runtime.made.clock.advance(60)
    with refused("invalid_grant"):
        redeem(runtime, app, code)


def test_tokens_and_handles_of_another_kind_are_no_codes(runtime: Runtime, browser: Browser, app: Application) -> None:
    runtime.settings(refresh=tokens_pb.RefreshTokenConfig(enabled=True))
    page = browser.authorize(app)
    code = browser.submit(page).sent_back["code"]
    answer = runtime.sign_in(app)
    for other in (str(answer["refresh_token"]), str(answer["access_token"]), *page.hidden.values()):
        with refused("invalid_grant"):
            redeem(runtime, app, other)
    for other in (code, str(answer["access_token"]), *page.hidden.values()):
        with refused("invalid_grant"):
            runtime.refresh(app, other)


def test_a_second_use_revokes_what_the_first_one_issued(runtime: Runtime, browser: Browser, app: Application) -> None:
    runtime.settings(refresh=tokens_pb.RefreshTokenConfig(enabled=True))
    code = browser.sign_in(app)
    answer = redeem(runtime, app, code)
    assert runtime.is_active(str(answer["access_token"]), app)
    with refused("invalid_grant"):
        redeem(runtime, app, code)
    assert not runtime.is_active(str(answer["access_token"]), app)
    with refused("invalid_grant"):
        runtime.refresh(app, str(answer["refresh_token"]))


def test_of_eight_redemptions_at_once_one_succeeds(runtime: Runtime, browser: Browser, app: Application) -> None:
    code = browser.sign_in(app)

    def outcome(_: int) -> str:
        try:
            return str(redeem(runtime, app, code)["token_type"])
        except Refused as refusal:
            return refusal.error

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(outcome, range(8))) == ["Bearer", *["invalid_grant"] * 7]


def test_somebody_deactivated_after_signing_in_gets_no_tokens(
    runtime: Runtime, browser: Browser, app: Application
) -> None:
    code = browser.sign_in(app)
    users = table_of(User)
    with runtime.made.runtime.store.write() as work:
        work.run(update(users).where(users.c.tenant_id == app.tenant_id).values(active=False))
    with refused("invalid_grant"):
        redeem(runtime, app, code)
