"""Sign-in at the platform with a browser, over native gRPC: codes, what their tokens open, claims, and the way out."""

from __future__ import annotations

import json

import grpc
import pytest
from kit.accounts.people import PASSWORD, Made, new_client, new_person
from kit.accounts.platform_browser import SIGNED_OUT, PlatformBrowser, new_relying_party, redeem
from kit.browser import CALLBACK, PKCE, VERIFIER, Browser
from kit.browser import redeem as redeem_at_app
from kit.callers import Caller, bearer, refusal
from kit.oauth import Application, Runtime, refused
from kit.platform import INVALID, basic, claims_of, csp_login, form, is_dead, issue, me

from ostiary_api.csp.v1 import authentication_pb2
from ostiary_api.csp.v1.authentication_pb2_grpc import AuthenticationServiceStub
from ostiary_api.oidc.v1 import provider_pb2
from ostiary_api.oidc.v1.provider_pb2_grpc import ProviderServiceStub

REFUSED = (grpc.StatusCode.UNAUTHENTICATED, "INVALID_TOKEN")
ASKED = {"scope": "openid profile email unheard-of", "nonce": "n1"}


@pytest.fixture
def web(shared_caller: Caller, someone: Made) -> PlatformBrowser:
    return PlatformBrowser(shared_caller, someone)


@pytest.fixture
def party(shared_caller: Caller, someone: Made) -> Made:
    return new_relying_party(shared_caller, someone.tenant_id)


def info(caller: Caller, token: str) -> provider_pb2.UserInfo:
    return ProviderServiceStub(caller.channel).GetUserInfo(provider_pb2.GetUserInfoRequest(), **bearer(token))


def test_a_code_gives_tokens_that_open_the_claims_asked_for_and_nothing_else(web: PlatformBrowser, party: Made) -> None:
    answer = redeem(web.caller, party, web.sign_in(party, **ASKED, **PKCE), code_verifier=VERIFIER)
    identity = claims_of(answer.id_token)
    assert (identity["aud"], identity["sub"], identity["nonce"]) == ([party.id], web.user.id, "n1")
    assert identity["iss"].endswith("/oidc")
    assert identity["auth_time"] <= identity["iat"]
    assert not {"name", "email", "group_names"} & set(identity)
    assert answer.scope == "openid profile email"
    told = info(web.caller, answer.access_token)
    assert (told.sub, told.email, told.email_verified) == (web.user.id, f"{web.user.name}@example.com", True)
    assert (told.given_name, told.HasField("phone_number"), told.HasField("org")) == ("Ann", False, False)
    assert refusal(lambda: me(web.caller, answer.access_token)) == REFUSED
    again = issue(
        web.caller, basic(party.id, party.secret), grant_type="refresh_token", refresh_token=answer.refresh_token
    )
    renewed = claims_of(again.id_token)
    assert [renewed[name] for name in ("iss", "sub", "aud", "azp", "auth_time", "sid")] == [
        identity[name] for name in ("iss", "sub", "aud", "azp", "auth_time", "sid")
    ]
    assert refusal(lambda: me(web.caller, again.access_token)) == REFUSED
    exchanged = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": again.access_token}
    assert refusal(lambda: issue(web.caller, **exchanged)) == (INVALID, "INVALID_GRANT")


def test_an_allow_listed_application_acts_as_the_person(web: PlatformBrowser) -> None:
    trusted = new_relying_party(web.caller, web.user.tenant_id, service_account=True)
    answer = redeem(web.caller, trusted, web.sign_in(trusted))
    assert me(web.caller, answer.access_token).id == web.user.id


def test_csp_takes_the_code_too_and_says_all_claims(web: PlatformBrowser, party: Made) -> None:
    code = web.sign_in(party, **PKCE)
    grant = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    stub, call = AuthenticationServiceStub(web.caller.channel), basic(party.id, party.secret)

    def redeemed(**more: str) -> authentication_pb2.AccessToken:
        return stub.IssueToken(authentication_pb2.IssueTokenRequest(form=form(**grant, **more)), **call)

    assert refusal(lambda: redeemed(code_verifier="x" * 43)) == (INVALID, "INVALID_GRANT")
    assert refusal(redeemed) == (INVALID, "INVALID_GRANT")
    identity = claims_of(redeemed(code_verifier=VERIFIER).id_token)
    assert (identity["username"], identity["context_name"]) == (web.user.name, web.user.tenant_id)
    assert refusal(lambda: redeemed(code_verifier=VERIFIER)) == (INVALID, "INVALID_GRANT")


def test_an_application_without_a_secret_needs_a_challenge(web: PlatformBrowser) -> None:
    page = new_relying_party(web.caller, web.user.tenant_id, "singlepageapp")
    assert web.authorize(page).sent_back["error"] == "invalid_request"
    code = web.sign_in(page, **PKCE)
    assert refusal(lambda: redeem(web.caller, page, code)) == (INVALID, "INVALID_GRANT")
    assert claims_of(redeem(web.caller, page, code, code_verifier=VERIFIER).id_token)["aud"] == [page.id]


def test_claims_are_answered_where_they_are_asked_for_by_name(web: PlatformBrowser, party: Made) -> None:
    wanted = {
        "userinfo": {"email": {"essential": True}, "shoe_size": None},
        "id_token": {"given_name": None, "acr": {}},
    }
    answer = redeem(web.caller, party, web.sign_in(party, scope="openid", claims=json.dumps(wanted)))
    identity, told = claims_of(answer.id_token), info(web.caller, answer.access_token)
    assert (identity["given_name"], "email" in identity, "acr" in identity) == ("Ann", False, True)
    assert (told.email, told.HasField("given_name"), told.HasField("name")) == (
        f"{web.user.name}@example.com",
        False,
        False,
    )
    renewed = issue(
        web.caller, basic(party.id, party.secret), grant_type="refresh_token", refresh_token=answer.refresh_token
    )
    assert info(web.caller, renewed.access_token).email == told.email
    for bad in ("{", "[]", '{"userinfo": []}', '{"userinfo": 1}'):
        assert web.authorize(party, claims=bad).sent_back["error"] == "invalid_request", bad


@pytest.mark.parametrize(
    "parameters",
    [
        {"redirect_uri": "https://app.example.com/other"},
        {"redirect_uri": f"{CALLBACK}?more=1"},
        {"redirect_uri": ""},
        {"client_id": "nobody"},
        {"client_id": ""},
        {"client_id": "\0"},
        {"orgId": "00000000-0000-4000-8000-000000000000"},
    ],
)
def test_what_is_not_registered_is_never_followed(
    web: PlatformBrowser, party: Made, parameters: dict[str, str]
) -> None:
    sent = {"client_id": party.id, "response_type": "code", "redirect_uri": CALLBACK, **parameters}
    answer = web.post_authorization(sent)
    assert (answer.status, "location" in answer.headers) == (400, False)


def test_codes_and_forms_of_the_two_servers_do_not_mix(
    web: PlatformBrowser, party: Made, shared_caller: Caller
) -> None:
    runtime = Runtime(shared_caller, web.user.tenant_id)
    app = Application(party.tenant_id, party.id, party.secret)
    code = web.sign_in(party)
    with refused("invalid_grant"):
        redeem_at_app(runtime, app, code)
    browser = Browser(runtime)
    page = browser.authorize(app)
    web.cookies = browser.cookies
    assert web.submit(page).status == 403
    app_code = browser.submit(page, f"{web.user.name}@example.com", PASSWORD).sent_back["code"]
    assert refusal(lambda: redeem(web.caller, party, app_code)) == (INVALID, "INVALID_GRANT")


def test_people_of_another_organization_do_not_sign_in(web: PlatformBrowser) -> None:
    other = web.caller.installation.new_tenant(f"away-{web.user.name}")
    foreign = new_relying_party(web.caller, other)
    page = web.authorize(foreign)
    assert web.submit(page).status == 403  # the form is the other organization's
    web.user = new_person(web.caller.installation, other, web.user.name)
    assert web.submit(page, "wrong").status == 400
    assert web.submit(page).sent_back["state"] == "s1"


def test_the_access_token_of_a_session_is_exchanged_for_another_of_the_same_session(
    shared_caller: Caller, someone: Made
) -> None:
    session = csp_login(shared_caller, someone.name, PASSWORD).csp_auth_token
    grant = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "scope": "openid profile vcd_idp"}
    answer = issue(shared_caller, **grant, assertion=session)
    assert (me(shared_caller, answer.access_token).id, answer.HasField("refresh_token")) == (someone.id, False)
    assert claims_of(answer.access_token)["sid"] == claims_of(session)["sid"]
    robot = new_client(shared_caller.installation, someone.tenant_id, service_account=True)
    for assertion in (
        robot.token,
        "made.up.token",
        shared_caller.token(shared_caller.installation.api_keys["manager"]),
    ):
        asked = refusal(lambda assertion=assertion: issue(shared_caller, **grant, assertion=assertion))
        assert asked == (INVALID, "INVALID_GRANT")
    AuthenticationServiceStub(shared_caller.channel).Logout(
        authentication_pb2.LogoutRequest(), metadata=(("ex-identity-auth-token", session),)
    )
    assert is_dead(shared_caller, answer.access_token)
    assert refusal(lambda: issue(shared_caller, **grant, assertion=session)) == (INVALID, "INVALID_GRANT")


def test_signing_out_ends_the_session_and_leads_only_to_registered_addresses(web: PlatformBrowser, party: Made) -> None:
    answer = redeem(web.caller, party, web.sign_in(party, scope="openid"))
    stranger = new_relying_party(web.caller, web.user.tenant_id)
    for bad in (
        {"post_logout_redirect_uri": SIGNED_OUT},
        {"post_logout_redirect_uri": SIGNED_OUT, "id_token_hint": "x"},
        {"post_logout_redirect_uri": SIGNED_OUT, "id_token_hint": answer.access_token},
        {"post_logout_redirect_uri": SIGNED_OUT, "id_token_hint": answer.id_token, "client_id": stranger.id},
        {"post_logout_redirect_uri": f"{SIGNED_OUT}?x=1", "id_token_hint": answer.id_token},
        {"post_logout_redirect_uri": CALLBACK, "id_token_hint": answer.id_token},
    ):
        seen = web.sign_out(**bad, state="s2")
        assert (seen.status, "location" in seen.headers) == (400, False), bad
    assert info(web.caller, answer.access_token).sub == web.user.id
    for nobody in ({}, {"state": "s2"}):
        assert (web.sign_out(**nobody).status, "You are signed out" in web.sign_out(**nobody).body) == (200, True)
    web.caller.installation.clock.advance(3_601)
    back = web.sign_out(post_logout_redirect_uri=SIGNED_OUT, id_token_hint=answer.id_token, state="s2")
    assert (back.headers["location"], back.sent_back) == (f"{SIGNED_OUT}?state=s2", {"state": "s2"})
    refresh = {"grant_type": "refresh_token", "refresh_token": answer.refresh_token}
    asked = refusal(lambda: issue(web.caller, basic(party.id, party.secret), **refresh))
    assert asked == (INVALID, "INVALID_GRANT")
