"""The authorization endpoint: requests that are in order, and what becomes of the others."""

from __future__ import annotations

import json
import re

from kit.browser import CALLBACK, CHALLENGE, PKCE, VERIFIER, Browser, redeem
from kit.callers import Caller
from kit.oauth import Application, Runtime
from sqlalchemy import update

from ostiary.directory.roles.application_roles import create_role, put_profile_roles
from ostiary.oauth.clients.clients import put_scopes
from ostiary.store.tables import Client, table_of
from ostiary.store.tenancy import touch

BAD_REDIRECT = {
    "error": "invalid_request",
    "error_description": 'redirect_uri is invalid. Check the URL-s listed under the "Manage" section in the "Identity '
    'Providers" tabs.',
}


def test_a_code_becomes_tokens_with_the_nonce(runtime: Runtime, browser: Browser, app: Application) -> None:
    page = browser.authorize(app, nonce="n1", scope="openid")
    assert page.status == 200
    done = browser.submit(page)
    assert done.headers["location"].startswith(f"{CALLBACK}?")
    assert set(done.sent_back) == {"code", "state", "iss"}
    assert done.sent_back["state"] == "s1"
    answer = redeem(runtime, app, done.sent_back["code"])
    assert set(answer) == {"access_token", "id_token", "token_type", "expires_in", "scope"}
    assert runtime.verified(str(answer["id_token"]))[1]["nonce"] == "n1"
    assert "nonce" not in runtime.verified(str(answer["access_token"]))[1]


def test_the_request_may_come_by_post(runtime: Runtime, browser: Browser, app: Application) -> None:
    page = browser.post_authorization({"client_id": app.id, "response_type": "code", "redirect_uri": CALLBACK})
    assert set(browser.submit(page).sent_back) == {"code", "iss"}


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
    tokens = redeem(runtime, app, browser.sign_in(app))
    hint = str(tokens["id_token"])
    page = browser.authorize(app, id_token_hint=hint)
    assert browser.submit(page, username="eve@example.com").sent_back["error"] == "login_required"
    assert browser.submit(browser.authorize(app, id_token_hint=hint)).sent_back["code"]
    other = runtime.application("other")
    assert browser.authorize(other, id_token_hint=hint).sent_back["error"] == "invalid_request"
    no_hint = str(tokens["access_token"])
    assert browser.authorize(app, id_token_hint=no_hint).sent_back["error"] == "invalid_request"


def test_a_cookie_may_come_back_in_quotes_between_attributes(
    runtime: Runtime, browser: Browser, app: Application
) -> None:
    """As java.net writes it for a cookie that came with Max-Age."""
    page = browser.authorize(app)
    ((name, value),) = browser.cookies.items()
    browser.cookies = {"$Version": '"1"', name: f'"{value}"', "$Path": '"/oauth/v4"', "other": '"'}
    assert browser.submit(page).sent_back["code"]


def test_a_web_message_goes_to_the_registered_origin_only(
    runtime: Runtime, browser: Browser, page_app: Application
) -> None:
    address = {"redirect_uri": "https://spa.example.com", "response_mode": "web_message"}
    page = browser.authorize(page_app, **address, **PKCE, state="</script><b>")
    assert "form-action 'self'" in page.headers["content-security-policy"], "this form ends with us"
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
