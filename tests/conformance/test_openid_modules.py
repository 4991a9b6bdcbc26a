"""Modules of the OpenID Foundation's conformance suite, each under its own name, at both issuers: as a browser and a
client would drive them, with single sign-on. What each asks is in docs/openid-conformance.md."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from html import unescape
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from contract.served import DATA
from jwcrypto.jwk import JWK
from jwcrypto.jwt import JWT
from kit.accounts.openid import AppIssuer, Issuer, PlatformIssuer
from kit.accounts.platform_browser import SIGNED_OUT
from kit.browser import CALLBACK, PKCE, VERIFIER
from kit.callers import Caller, serving
from kit.servers.installation import install
from kit.servers.web import site

from ostiary.keys import jwt

ISSUERS: dict[str, type[Issuer]] = {"appid": AppIssuer, "oidc": PlatformIssuer}
Module = Callable[[Issuer], None]
MODULES: dict[str, Module] = {}
DEAD_AFTER_SIGN_OUT = {AppIssuer: "", PlatformIssuer: "invalid_token"}
"""The error of userinfo for the access token of a sign-in that has ended: App ID's live on until they expire."""
OTHER = "https://app.example.com/never-registered"
ALL_SCOPES = "openid profile email address phone"


@pytest.fixture(scope="module")
def shared_caller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    """A caller of an installation that may call clients on this machine."""
    folder = tmp_path_factory.mktemp("modules")
    with serving(install(f"sqlite:///{folder}/ostiary.sqlite3", folder, outgoing_allow="127.0.0.0/8")) as made:
        yield made


def module(*names: str) -> Callable[[Module], Module]:
    """Registers a module under its names."""

    def registered(play: Module) -> Module:
        MODULES.update(dict.fromkeys(names, play))
        return play

    return registered


def signed_in(issuer: Issuer, **parameters: str) -> dict[str, Any]:
    """The identity token's claims after the whole code flow, checked as the suite checks them; `tokens` are beside."""
    code = issuer.sign_in(**{"scope": "openid", "nonce": "n-1", **parameters})
    assert len(code) >= 32
    tokens = issuer.redeem(code)
    assert (tokens["token_type"], tokens["expires_in"] > 0) == ("Bearer", True)
    assert None not in tokens.values()
    claims = issuer.verified(tokens["id_token"])
    assert (claims["iss"], claims["exp"] > claims["iat"], bool(claims["sub"])) == (
        issuer.discovery()["issuer"],
        True,
        True,
    )
    assert issuer.client_id in claims["aud"]
    assert claims.get("nonce") == {"nonce": "n-1", **parameters}["nonce"] or "nonce" not in claims
    return {**claims, "tokens": tokens}


@module("oidcc-server", "oidcc-display-page", "oidcc-display-popup", "oidcc-ui-locales", "oidcc-claims-locales",
        "oidcc-ensure-request-with-unknown-parameter-succeeds", "oidcc-server-client-secret-post")  # fmt: skip
def whole_flow(issuer: Issuer) -> None:
    odd = {"display": "popup", "ui_locales": "se", "claims_locales": "se", "extra": "foobar"}
    code = issuer.send({"scope": "openid", "nonce": "n-1", **odd})
    claims = issuer.verified(issuer.redeem(code, in_body=True)["id_token"])
    assert claims["nonce"] == "n-1"
    signed_in(issuer)


@module("oidcc-response-type-missing")
def response_type_missing(issuer: Issuer) -> None:
    assert issuer.authorize(response_type="").sent_back["error"] in ("unsupported_response_type", "invalid_request")


@module("oidcc-userinfo-get", "oidcc-userinfo-post-header", "oidcc-userinfo-post-body")
def userinfo(issuer: Issuer) -> None:
    claims = signed_in(issuer, scope="openid email")
    told = [issuer.userinfo(claims["tokens"]["access_token"], how) for how in ("get", "post-header", "post-body")]
    assert told[0] == told[1] == told[2]
    assert told[0]["sub"] == claims["sub"]


@module("oidcc-ensure-request-without-nonce-succeeds-for-code-flow")
def without_nonce(issuer: Issuer) -> None:
    assert "nonce" not in signed_in(issuer, nonce="")


@module("oidcc-scope-profile", "oidcc-scope-email", "oidcc-scope-address", "oidcc-scope-phone", "oidcc-scope-all",
        "oidcc-alternate-happy-flow")  # fmt: skip
def scopes(issuer: Issuer) -> None:
    assert set(ALL_SCOPES.split()) <= set(issuer.discovery()["scopes_supported"])
    for scope, names in (("email openid", {"email", "email_verified"}), (ALL_SCOPES, {"name", "given_name", "email"})):
        claims = signed_in(issuer, scope=scope)
        assert names <= set(issuer.userinfo(claims["tokens"]["access_token"])), scope


@module("oidcc-prompt-login", "oidcc-max-age-1")
def asks_again(issuer: Issuer) -> None:
    first = signed_in(issuer)
    issuer.caller.installation.clock.advance(2)
    for parameters in ({"prompt": "login"}, {"max_age": "1"}):
        assert signed_in(issuer, **parameters)["auth_time"] > first["auth_time"]


@module("oidcc-prompt-none-not-logged-in")
def silent(issuer: Issuer) -> None:
    back = issuer.authorize(prompt="none").sent_back
    assert (back["error"], back["state"]) == ("login_required", "s1")


@module("oidcc-prompt-none-logged-in", "oidcc-id-token-hint")
def silent_again(issuer: Issuer) -> None:
    first = signed_in(issuer)
    for hint in ({}, {"id_token_hint": first["tokens"]["id_token"]}):
        back = issuer.authorize(scope="openid", prompt="none", **hint)
        again = issuer.verified(issuer.redeem(back.sent_back["code"])["id_token"])
        assert (again["sub"], again["auth_time"]) == (first["sub"], first["auth_time"])


@module("oidcc-max-age-10000")
def young_enough(issuer: Issuer) -> None:
    first = signed_in(issuer, max_age="15000")
    issuer.caller.installation.clock.advance(2)
    back = issuer.authorize(scope="openid", max_age="10000")
    again = issuer.verified(issuer.redeem(back.sent_back["code"])["id_token"])
    assert again["auth_time"] == first["auth_time"]


@module("oidcc-login-hint")
def login_hint(issuer: Issuer) -> None:
    assert 'value="buffy@example.com"' in issuer.authorize(login_hint="buffy@example.com").body


@module("oidcc-ensure-request-with-acr-values-succeeds")
def acr_values(issuer: Issuer) -> None:
    assert signed_in(issuer, acr_values="1 2")["acr"] in issuer.discovery()["acr_values_supported"]


@module("oidcc-codereuse", "oidcc-codereuse-30seconds")
def code_reuse(issuer: Issuer) -> None:
    code = issuer.sign_in(scope="openid")
    tokens = issuer.redeem(code)
    assert issuer.refused(lambda: issuer.redeem(code)) == "invalid_grant"
    issuer.caller.installation.clock.advance(30)
    assert issuer.refused(lambda: issuer.redeem(code)) == "invalid_grant"
    assert issuer.refused(lambda: issuer.userinfo(tokens["access_token"])) == "invalid_token"


@module("oidcc-ensure-registered-redirect-uri")
def registered_redirect_uri(issuer: Issuer) -> None:
    seen = issuer.authorize(redirect_uri=OTHER)
    assert (seen.status, "location" in seen.headers) == (400, False)


@module("oidcc-redirect-uri-query-added")
def query_added(issuer: Issuer) -> None:
    seen = issuer.authorize(redirect_uri=f"{CALLBACK}?foo=bar")
    assert (seen.status, "location" in seen.headers) == (400, False)


@module("oidcc-ensure-post-request-succeeds")
def by_post(issuer: Issuer) -> None:
    assert issuer.redeem(issuer.send({"scope": "openid"}))["id_token"]


@module("oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported",
        "oidcc-ensure-request-object-with-redirect-uri")  # fmt: skip
def request_object(issuer: Issuer) -> None:
    assert issuer.authorize(request="eyJhbGciOiJub25lIn0.e30.").sent_back["error"] == "request_not_supported"
    assert issuer.discovery()["request_uri_parameter_supported"] is False


@module("oidcc-claims-essential")
def claims_essential(issuer: Issuer) -> None:
    claims = signed_in(issuer, claims=json.dumps({"userinfo": {"name": {"essential": True}}}))
    assert issuer.userinfo(claims["tokens"]["access_token"])["name"]


@module("oidcc-ensure-request-with-valid-pkce-succeeds")
def pkce(issuer: Issuer) -> None:
    code = issuer.sign_in(scope="openid", **PKCE)
    assert issuer.refused(lambda: issuer.redeem(code)) == "invalid_grant"
    assert issuer.redeem(code, code_verifier=VERIFIER)["id_token"]


@module("oidcc-refresh-token")
def refresh_token(issuer: Issuer) -> None:
    first, other = signed_in(issuer), issuer.another()
    issuer.caller.installation.clock.advance(1)
    token = first["tokens"]["refresh_token"]
    assert other.refused(lambda: other.refresh(token)) == "invalid_grant"
    second = issuer.verified(issuer.refresh(token)["id_token"])
    same = ("iss", "sub", "aud", "azp", "auth_time")
    assert [second.get(name) for name in same] == [first.get(name) for name in same]
    assert second["iat"] > first["iat"]


@module("oidcc-server-rotate-keys")
def rotated_keys(issuer: Issuer) -> None:
    before, published = signed_in(issuer)["tokens"]["id_token"], {key["kid"] for key in issuer.jwks()}
    issuer.rotate_keys()
    after = signed_in(issuer)["tokens"]["id_token"]
    kids = [jwt.unb64(token.partition(".")[0]) for token in (before, after)]
    assert kids[0] != kids[1]
    assert issuer.verified(before)["sub"] == issuer.verified(after)["sub"]
    assert json.loads(kids[1])["kid"] in published  # so that who keeps the keys for a while knows the new one


@module("oidcc-discovery-endpoint-verification")
def discovery(issuer: Issuer) -> None:
    found = issuer.discovery()
    assert all(found[name].startswith(issuer.url) for name in found if name.endswith("_endpoint"))
    assert {"RS256"} <= set(found["id_token_signing_alg_values_supported"])
    assert found["response_types_supported"] == ["code"]
    assert found["claims_supported"]
    for key in issuer.jwks():
        assert (key["kty"], key["alg"], key["use"], "d" in key) == ("RSA", "RS256", "sig", False)


@module("oidcc-rp-initiated-logout", "oidcc-rp-initiated-logout-no-state")
def logout(issuer: Issuer) -> None:
    for state in ({"state": "s-2"}, {}):
        claims = signed_in(issuer)
        assert claims["sid"]
        hint = claims["tokens"]["id_token"]
        back = issuer.sign_out(id_token_hint=hint, post_logout_redirect_uri=SIGNED_OUT, **state)
        assert (back.headers["location"].partition("?")[0], back.sent_back) == (SIGNED_OUT, state)
        access = claims["tokens"]["access_token"]
        assert issuer.refused(lambda access=access: issuer.userinfo(access)) == DEAD_AFTER_SIGN_OUT[type(issuer)]
        assert issuer.authorize(prompt="none").sent_back["error"] == "login_required"


@module("oidcc-rp-initiated-logout-no-params", "oidcc-rp-initiated-logout-only-state",
        "oidcc-rp-initiated-logout-no-post-logout-redirect-uri")  # fmt: skip
def logout_to_nowhere(issuer: Issuer) -> None:
    hint = signed_in(issuer)["tokens"]["id_token"]
    for parameters in ({}, {"state": "s-2"}, {"id_token_hint": hint, "state": "s-2"}):
        seen = issuer.sign_out(**parameters)
        if "id_token_hint" not in parameters:
            assert "Do you want to sign out" in seen.body
            seen = issuer.sign_out(seen.confirm)
        assert (seen.status, "You are signed out" in seen.body) == (200, True)
        assert issuer.authorize(prompt="none").sent_back["error"] == "login_required"
        signed_in(issuer)


@module("oidcc-rp-initiated-logout-no-id-token-hint", "oidcc-rp-initiated-logout-bad-post-logout-redirect-uri",
        "oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri",
        "oidcc-rp-initiated-logout-modified-id-token-hint",
        "oidcc-rp-initiated-logout-bad-id-token-hint")  # fmt: skip
def bad_logout(issuer: Issuer) -> None:
    claims = signed_in(issuer)
    hint, stay = claims["tokens"]["id_token"], claims.pop("tokens")["access_token"]
    by_secret = JWT(header={"alg": "HS256", "typ": "JWT"}, claims=claims)
    by_secret.make_signed_token(
        JWK(kty="oct", k="AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgU")
    )
    unsigned = f"eyJhbGciOiJub25lIn0.{hint.split('.')[1]}."
    for uri, with_hint in ((SIGNED_OUT, ""), (OTHER, hint), (f"{SIGNED_OUT}?foo=bar", hint), (SIGNED_OUT, unsigned),
                           (SIGNED_OUT, by_secret.serialize())):  # fmt: skip
        seen = issuer.sign_out(post_logout_redirect_uri=uri, id_token_hint=with_hint, state="s-2")
        assert (seen.status, "location" in seen.headers) == (400, False), (uri, with_hint[:20])
    assert issuer.userinfo(stay)["sub"]


@module("oidcc-rp-initiated-logout-discovery-endpoint-verification")
def logout_discovery(issuer: Issuer) -> None:
    found = issuer.discovery()
    assert found["end_session_endpoint"].startswith(issuer.url)
    for channel in ("backchannel", "frontchannel"):
        assert (found[f"{channel}_logout_supported"], found[f"{channel}_logout_session_supported"]) == (True, True)


@module("oidcc-backchannel-rp-initiated-logout")
def back_channel(issuer: Issuer) -> None:
    with site(taken) as party:
        issuer.tell(f"{party.url}/logout")
        claims = signed_in(issuer)
        issuer.sign_out(id_token_hint=claims["tokens"]["id_token"])
        issuer.deliver()
        (received,) = party.received
    ((name, token),) = parse_qsl(received.body.decode())
    assert (name, received.method, received.path) == ("logout_token", "POST", "/logout")
    assert json.loads(base64.urlsafe_b64decode(f"{token.split('.')[0]}=="))["typ"] == "logout+jwt"
    told, now = issuer.verified(token), issuer.caller.installation.clock.now_ms() // 1000
    assert told.pop("events") == {"http://schemas.openid.net/event/backchannel-logout": {}}
    assert (told.pop("iat"), told.pop("exp"), bool(told.pop("jti"))) == (now, now + 120, True)
    assert told == {"iss": claims["iss"], "sub": claims["sub"], "aud": [issuer.client_id], "sid": claims["sid"]}


@module("oidcc-frontchannel-rp-initiated-logout")
def front_channel(issuer: Issuer) -> None:
    issuer.tell(front_channel="https://party.example.com/out?a=1")
    claims = signed_in(issuer)
    hint = claims["tokens"]["id_token"]
    seen = issuer.sign_out(id_token_hint=hint, post_logout_redirect_uri=SIGNED_OUT, state="s-2")
    (frame,) = re.findall(r'<iframe src="([^"]*)" hidden', seen.body)
    address, _, query = unescape(frame).partition("?")
    assert (address, parse_qsl(query)) == (
        "https://party.example.com/out", [("a", "1"), ("iss", claims["iss"]), ("sid", claims["sid"])],
    )  # fmt: skip
    assert "frame-src https://party.example.com;" in seen.headers["content-security-policy"]
    assert (seen.status, f"url={SIGNED_OUT}?state=s-2" in seen.body) == (200, True)


def taken(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.end_headers()


FACTS = json.loads((DATA / "openid_modules.json").read_text(encoding="utf-8"))
FORM_POST = "[response_mode=form_post]"
"""The suite's notation of a module in which the answer is posted as a form."""
PASS = [(facts["module"], name) for facts in FACTS for name in ISSUERS if facts[name] == "passes"]


@pytest.mark.parametrize(("name", "at"), PASS, ids=str)
def test_module(shared_caller: Caller, name: str, at: str) -> None:
    issuer = ISSUERS[at](shared_caller)
    issuer.share()
    issuer.mode = {"response_mode": "form_post"} if name.endswith(FORM_POST) else {}
    MODULES[name.removesuffix(FORM_POST)](issuer)


@pytest.mark.parametrize("at", ISSUERS)
def test_what_is_posted_is_written_as_text(shared_caller: Caller, at: str) -> None:
    issuer = ISSUERS[at](shared_caller)
    assert "form_post" in issuer.discovery()["response_modes_supported"]
    issuer.mode = {"response_mode": "form_post"}
    page = issuer.submit(issuer.authorize(scope="openid", state='"<s1>'))
    assert (page.is_posted, page.hidden["state"]) == (True, '"<s1>')
    assert "form-action" not in page.headers["content-security-policy"]


@pytest.mark.parametrize("at", ISSUERS)
def test_every_answer_says_who_gives_it(shared_caller: Caller, at: str) -> None:
    """RFC 9207: by each response mode, refusals too."""
    issuer = ISSUERS[at](shared_caller)
    document = issuer.discovery()
    assert document["authorization_response_iss_parameter_supported"] is True
    for mode in ({}, {"response_mode": "form_post"}):
        issuer.mode = mode
        answers = [issuer.submit(issuer.authorize(prompt="login")), issuer.authorize(max_age="soon")]
        assert [answer.sent_back["iss"] for answer in answers] == [document["issuer"]] * 2
    issuer.mode = {"response_mode": "web_message"}
    for answer in (issuer.submit(issuer.authorize(prompt="login")), issuer.authorize(max_age="soon")):
        assert f'"iss": "{document["issuer"]}"' in answer.body


def test_the_metadata_at_the_root_leads_to_answers_of_its_issuer(shared_caller: Caller) -> None:
    root = shared_caller.ask("identity.csp.v1.OpenidConfigurationService/GetConfiguration", {}, metadata=())
    asked = dict(parse_qsl(urlsplit(root["authorization_endpoint"]).query))
    issuer = PlatformIssuer(shared_caller)
    assert issuer.submit(issuer.authorize(prompt="login", **asked)).sent_back["iss"] == root["issuer"]
    for other in ({"issuer": "https://evil.example.com"}, {}):
        assert issuer.authorize(max_age="soon", **other).sent_back["iss"] == issuer.discovery()["issuer"]


def test_every_module_that_is_played_is_in_the_table(shared_caller: Caller) -> None:
    assert {name.removesuffix(FORM_POST) for name, _ in PASS} == set(MODULES)
