"""The authorization endpoint, its page and the codes that come of it (cases A1, A4–A8, A10–A17)."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from kit.browser import CALLBACK, Browser, Seen
from kit.callers import Caller
from kit.installation import Installation
from kit.oauth import PASSWORD, Application, Refused, Runtime, basic, refused
from sqlalchemy import select, update

from identity.appid.management.v4 import tokens_pb2 as tokens_pb
from identity.appid.management.v4.mfa_pb2 import MfaConfig
from ostiary.directory.mfa import MFA
from ostiary.directory.roles import create_role, put_profile_roles
from ostiary.oauth.clients import PUBLIC, put_scopes
from ostiary.store.tables import Client, LoginTransaction, Session, User, table_of
from ostiary.store.tenancy import touch

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
"""RFC 7636 appendix B."""
SDK_CHALLENGE = base64.b64encode(hashlib.sha256(VERIFIER.encode()).hexdigest().encode()).decode()
PKCE = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
BAD_REDIRECT = {
    "error": "invalid_request",
    "error_description": 'redirect_uri is invalid. Check the URL-s listed under the "Manage" section in the "Identity '
    'Providers" tabs.',
}


@pytest.fixture
def runtime(caller: Caller) -> Runtime:
    return Runtime(caller)


@pytest.fixture
def browser(runtime: Runtime) -> Browser:
    made = Browser(runtime)
    made.register(CALLBACK, "https://spa.example.com", "com.example.app:/done", "https://wild.example.com/a/*")
    runtime.user()
    return made


@pytest.fixture
def app(runtime: Runtime) -> Application:
    return runtime.application()


@pytest.fixture
def page_app(runtime: Runtime) -> Application:
    return runtime.application("page", PUBLIC)


def redeem(runtime: Runtime, app: Application, code: str, authorization: str = "", **form: str) -> dict[str, object]:
    grant = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "client_id": app.id}
    return runtime.token({**grant, **form}, authorization or (app.basic if app.secret else ""))


def test_a_code_becomes_tokens_with_the_nonce(runtime: Runtime, browser: Browser, app: Application) -> None:
    page = browser.authorize(app, nonce="n1", scope="openid")
    assert page.status == 200
    done = browser.submit(page)
    assert done.headers["location"].startswith(f"{CALLBACK}?")
    assert set(done.sent_back) == {"code", "state"}
    assert done.sent_back["state"] == "s1"
    answer = redeem(runtime, app, done.sent_back["code"])
    assert set(answer) == {"access_token", "id_token", "token_type", "expires_in", "scope"}
    assert runtime.verified(str(answer["id_token"]))[1]["nonce"] == "n1"
    assert "nonce" not in runtime.verified(str(answer["access_token"]))[1]


def test_the_request_may_come_by_post(runtime: Runtime, browser: Browser, app: Application) -> None:
    page = browser.post_authorization({"client_id": app.id, "response_type": "code", "redirect_uri": CALLBACK})
    assert set(browser.submit(page).sent_back) == {"code"}


def test_a_bad_redirect_uri_is_never_followed(runtime: Runtime, browser: Browser, app: Application) -> None:
    for uri in (
        "", f"{CALLBACK}.evil.tld", "https://app.example.com:80@evil/callback", f"{CALLBACK}/../x",
        f"{CALLBACK}%2f..", "https://app.example.com./callback", "https://APP.example.com/callback",
        f"{CALLBACK}#x", "http://app.example.com/callback", "https://app.example.com/callbackx",
        "https://wild.example.com/a/../b", "https://wild.example.com/ab", "javascript:alert(1)", "com.example.app:/x",
    ):  # fmt: skip
        seen = browser.authorize(app, redirect_uri=uri)
        assert (seen.status, json.loads(seen.body)) == (400, BAD_REDIRECT), uri
        assert "location" not in seen.headers


def test_without_registered_uris_none_is_learned(runtime: Runtime, app: Application) -> None:
    browser = Browser(runtime)
    assert [browser.authorize(app).status for _ in range(2)] == [400, 400]


def test_an_unknown_or_disabled_client_is_told_to_the_browser(
    caller: Caller, runtime: Runtime, browser: Browser, app: Application
) -> None:
    foreign = Runtime(caller, caller.installation.new_tenant("other")).application()
    clients = table_of(Client)
    with runtime.made.runtime.store.write() as work:
        work.run(update(clients).where(clients.c.id == app.id).values(enabled=False))
        touch(work, app.tenant_id)
    for client in (foreign, app):
        seen = browser.authorize(client)
        assert (seen.status, json.loads(seen.body)["error"]) == (400, "invalid_client")


def test_people_get_an_error_page_and_programs_json(browser: Browser, app: Application) -> None:
    for accept, kind in (
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html; charset=utf-8"),
        ("*/*", "application/json"), ("application/json, text/html;q=0.5", "application/json"),
        ("text/html;q=bad", "application/json"), ("", "application/json"),
    ):  # fmt: skip
        browser.accept = accept
        seen = browser.authorize(app, redirect_uri="https://evil.example/<script>")
        assert (seen.status, seen.headers["x-http-content-type"]) == (400, kind)
        assert "<script>" not in seen.body


def test_what_is_wrong_with_a_request_goes_back_to_the_client(
    runtime: Runtime, browser: Browser, app: Application, page_app: Application
) -> None:
    for client, parameters, error in (
        (app, {"response_type": ""}, "invalid_request"),
        (app, {"response_type": "token"}, "unsupported_response_type"),
        (app, {"response_type": "sign_up"}, "unsupported_response_type"),
        (app, {"response_mode": "fragment"}, "invalid_request"),
        (app, {"scope": "openid orders.read"}, "invalid_scope"),
        (app, {"prompt": "none"}, "login_required"),
        (app, {"prompt": "none", "max_age": "0"}, "login_required"),
        (app, {"prompt": "none login"}, "invalid_request"),
        (app, {"prompt": "dance"}, "invalid_request"),
        (app, {"max_age": "soon"}, "invalid_request"),
        (app, {"request": "ey"}, "request_not_supported"),
        (app, {"request_uri": "http://169.254.169.254/latest"}, "request_uri_not_supported"),
        (app, {"id_token_hint": "ey.ey.ey"}, "invalid_request"),
        (app, {"nonce": "n" * 4097}, "invalid_request"),
        (app, {"idp": "facebook"}, "access_denied"),
        (app, {"idp": "appid_anon"}, "access_denied"),
        (app, {"code_challenge": CHALLENGE}, "invalid_request"),
        (app, {"code_challenge": CHALLENGE, "code_challenge_method": "plain"}, "invalid_request"),
        (page_app, {}, "invalid_request"),
        (page_app, {"code_challenge": VERIFIER, "code_challenge_method": "plain"}, "invalid_request"),
        (page_app, {"code_challenge": CHALLENGE}, "invalid_request"),
        (page_app, {"code_challenge": CHALLENGE[:-1], "code_challenge_method": "S256"}, "invalid_request"),
    ):
        seen = browser.authorize(client, **parameters)
        assert seen.sent_back["error"] == error, parameters
        assert seen.sent_back["state"] == "s1"
        assert seen.headers["location"].startswith(f"{CALLBACK}?error=")


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


def test_of_one_form_sent_eight_times_at_once_one_code_comes(
    runtime: Runtime, browser: Browser, app: Application
) -> None:
    page = browser.authorize(app)
    with ThreadPoolExecutor(8) as threads:
        seen = list(threads.map(lambda _: browser.submit(page), range(8)))
    statuses = sorted(answer.status for answer in seen)
    assert statuses[0] == 303
    # 403: sent after the winner's answer took the cookie from the browser that all eight share.
    assert set(statuses[1:]) <= {400, 403}


def test_somebody_deactivated_after_signing_in_gets_no_tokens(
    runtime: Runtime, browser: Browser, app: Application
) -> None:
    code = browser.sign_in(app)
    users = table_of(User)
    with runtime.made.runtime.store.write() as work:
        work.run(update(users).where(users.c.tenant_id == app.tenant_id).values(active=False))
    with refused("invalid_grant"):
        redeem(runtime, app, code)


def test_the_page_is_framed_by_nobody_and_runs_no_script(browser: Browser, app: Application) -> None:
    page = browser.authorize(app, login_hint='"><script>alert(1)</script>', redirect_uri="com.example.app:/done")
    policy = page.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy
    assert "form-action 'self' com.example.app:;" in policy
    assert "script" not in policy
    assert "<script" not in page.body
    (style,) = re.findall(r"<style>(.*?)</style>", page.body, flags=re.DOTALL)
    assert f"'sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}'" in policy
    assert (page.headers["cache-control"], page.headers["referrer-policy"]) == ("no-store", "no-referrer")
    assert page.headers["x-content-type-options"] == "nosniff"
    (cookie,) = page.cookies
    assert "; HttpOnly; SameSite=Lax" in cookie
    assert f"Path=/oauth/v4/{app.tenant_id};" in cookie


def spoilt(case: str, page: Seen, other: Seen, browser: Browser) -> dict[str, str]:
    match case:
        case "no token":
            return {"csrf_token": ""}
        case "another transaction's token":
            return {"csrf_token": other.hidden["csrf_token"]}
        case "another transaction":
            return {"transaction": other.hidden["transaction"]}
        case "no transaction":
            return {"transaction": ""}
        case "no cookie":
            browser.cookies.clear()
        case "another browser's cookie":
            browser.cookies = dict.fromkeys(browser.cookies, "planted")
    return {}


@pytest.mark.parametrize(
    "case",
    [
        "no token", "another transaction's token", "another transaction", "no transaction", "no cookie",
        "another browser's cookie",
    ],
)  # fmt: skip
def test_a_form_from_elsewhere_is_refused(browser: Browser, app: Application, case: str) -> None:
    page, other = browser.authorize(app), browser.authorize(app)
    seen = browser.submit(page, **spoilt(case, page, other, browser))
    assert (seen.status, json.loads(seen.body)["error"]) == (403, "access_denied")


def test_nothing_that_was_there_before_the_sign_in_is_worth_anything_after(
    runtime: Runtime, browser: Browser, app: Application
) -> None:
    page = browser.authorize(app)
    before = dict(browser.cookies)
    done = browser.submit(page)
    assert done.status == 303
    assert ["Max-Age=0" in cookie for cookie in done.cookies] == [True]
    browser.cookies = before
    again = browser.submit(page)
    assert (again.status, json.loads(again.body)["error"]) == (400, "invalid_request")
    sessions = table_of(Session)
    with runtime.made.runtime.store.read() as work:
        (session,) = work.rows(select(sessions))
    assert session.amr == "cloud_directory"
    assert session.id not in {*before.values(), *page.hidden.values()}


def test_a_sign_in_that_takes_too_long_is_over(runtime: Runtime, browser: Browser, app: Application) -> None:
    page = browser.authorize(app)
    runtime.made.clock.advance(1800)
    assert browser.submit(page).status == 400


def test_two_tabs_do_not_disturb_each_other(browser: Browser, app: Application) -> None:
    pages = [browser.authorize(app, state=state) for state in ("one", "two")]
    assert [browser.submit(page).sent_back["state"] for page in pages] == ["one", "two"]


def test_a_refused_sign_in_shows_the_page_again_with_the_reason(
    runtime: Runtime, browser: Browser, app: Application
) -> None:
    runtime.user("pending@example.com", status="PENDING")
    page = browser.authorize(app)
    wrong = browser.submit(page, password="wrong")
    assert (wrong.status, "The email or password that you entered is incorrect." in wrong.body) == (400, True)
    assert 'value="ada@example.com"' in wrong.body
    pending = browser.submit(wrong, username="pending@example.com")
    assert (pending.status, "Pending user verification" in pending.body) == (403, True)
    assert browser.submit(pending).sent_back["code"]


def test_too_many_tries_show_the_page_with_429(browser: Browser, app: Application) -> None:
    page = browser.authorize(app)
    for _ in range(11):
        assert browser.submit(page, password="wrong").status == 400
    seen = browser.submit(page)
    assert seen.status == 429
    assert int(seen.headers["retry-after"]) > 0
    assert "<form" in seen.body


def test_the_hosted_page_and_the_password_grant_share_one_count(
    runtime: Runtime, browser: Browser, app: Application
) -> None:
    page = browser.authorize(app)
    for _ in range(6):
        browser.submit(page, password="wrong")
    for _ in range(5):
        with refused("invalid_grant"):
            runtime.sign_in(app, password="wrong")
    with pytest.raises(Refused) as seen:
        runtime.sign_in(app)
    assert seen.value.reason == "TOO_MANY_SIGN_INS"


def test_role_scopes_that_were_asked_for_and_are_not_held_are_refused(
    runtime: Runtime, browser: Browser, app: Application
) -> None:
    made = runtime.made.runtime
    with made.store.write() as work:
        put_scopes(work, app.tenant_id, app.id, ["orders.read", "orders.write"])
    denied = browser.submit(browser.authorize(app, scope="openid orders.read"))
    assert denied.sent_back["error"] == "invalid_scope"
    subject = str(runtime.verified(str(redeem(runtime, app, browser.sign_in(app))["access_token"]))[1]["sub"])
    with made.store.write() as work:
        access = {app.id: ["orders.read", "orders.write"]}
        role = create_role(work, app.tenant_id, "clerk", "", access, made.entropy, made.clock.now_ms())
        put_profile_roles(work, app.tenant_id, subject, [role.id])
    answer = redeem(runtime, app, browser.sign_in(app, scope="openid orders.read"))
    assert str(answer["scope"]).split()[-1] == "orders.read"
    assert "orders.write" not in str(answer["scope"])


def test_a_hint_of_somebody_else_ends_in_login_required(runtime: Runtime, browser: Browser, app: Application) -> None:
    runtime.user("eve@example.com")
    hint = str(redeem(runtime, app, browser.sign_in(app))["id_token"])
    page = browser.authorize(app, id_token_hint=hint)
    assert browser.submit(page, username="eve@example.com").sent_back["error"] == "login_required"
    assert browser.submit(browser.authorize(app, id_token_hint=hint)).sent_back["code"]
    other = runtime.application("other")
    assert browser.authorize(other, id_token_hint=hint).sent_back["error"] == "invalid_request"


def test_a_web_message_goes_to_the_registered_origin_only(
    runtime: Runtime, browser: Browser, page_app: Application
) -> None:
    address = {"redirect_uri": "https://spa.example.com", "response_mode": "web_message"}
    page = browser.authorize(page_app, **address, **PKCE, state="</script><b>")
    done = browser.submit(page)
    assert (done.status, done.headers["content-type"]) == (200, "text/html; charset=utf-8")
    posted = re.search(r"postMessage\((.*), (.*)\);", done.body)
    assert posted is not None
    message, origin = json.loads(posted[1]), json.loads(posted[2])
    assert origin == "https://spa.example.com"
    assert (message["type"], message["state"]) == ("authorization_response", "</script><b>")
    assert "<b>" not in done.body
    policy = done.headers["content-security-policy"]
    assert "frame-ancestors https://spa.example.com" in policy
    (nonce,) = re.findall(r"script-src 'nonce-([\w-]+)'", policy)
    assert f'<script nonce="{nonce}">' in done.body
    answer = redeem(runtime, page_app, message["code"], redirect_uri="https://spa.example.com", code_verifier=VERIFIER)
    assert answer["id_token"]
    silent = browser.authorize(page_app, **address, **PKCE, prompt="none")
    assert '"error": "login_required"' in silent.body
    for evil in ("https://evil.example.com", "https://spa.example.com.evil.tld", "null"):
        seen = browser.authorize(page_app, **{**address, "redirect_uri": evil}, **PKCE)
        assert (seen.status, "postMessage" in seen.body) == (400, False)
    odd = browser.authorize(page_app, redirect_uri="com.example.app:/done", response_mode="web_message", **PKCE)
    assert odd.headers["location"].startswith("com.example.app:/done?error=invalid_request")


def test_a_client_deleted_during_the_sign_in_gets_no_code(runtime: Runtime, browser: Browser, app: Application) -> None:
    page = browser.authorize(app)
    clients = table_of(Client)
    with runtime.made.runtime.store.write() as work:
        work.run(clients.delete().where(clients.c.id == app.id))
        touch(work, app.tenant_id)
    assert browser.submit(page).status == 400


def test_no_password_is_kept_with_the_transaction(runtime: Runtime, browser: Browser, app: Application) -> None:
    page = browser.authorize(app)
    browser.submit(page, password="wrong")
    browser.submit(page)
    transactions = table_of(LoginTransaction)
    with runtime.made.runtime.store.read() as work:
        (row,) = work.rows(select(transactions))
    kept = repr(row)
    for secret in (PASSWORD, *browser.cookies.values(), *page.hidden.values()):
        assert not secret or secret not in kept


def test_a_second_factor_that_cannot_be_asked_for_lets_nobody_in(
    runtime: Runtime, browser: Browser, app: Application, installation: Installation
) -> None:
    page = browser.authorize(app)
    with installation.runtime.store.write() as work:
        MFA.replace(work, installation.tenant_id, MfaConfig(is_active=True), installation.clock.now_ms())
    assert browser.submit(page).sent_back["error"] == "access_denied"
    assert browser.authorize(app).sent_back["error"] == "access_denied"
