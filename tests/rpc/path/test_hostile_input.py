"""What no client of good will sends: tokens and forms made to break the reader. All are refused like any wrong one."""

from __future__ import annotations

import json

import pytest
from kit.browser import CALLBACK, Browser
from kit.callers import Caller, bearer, refusal
from kit.oauth import Refused, Runtime, oauth_errors
from sqlalchemy import update

from ostiary.keys.jwt import b64
from ostiary.store.tables import Tenant, table_of
from ostiary_api.appid.management.v4 import tokens_pb2

DEEP = b"[" * 20_000
SURROGATE = "\ud800"


def part(document: object) -> str:
    return b64(document if isinstance(document, bytes) else json.dumps(document).encode())


HEADER = part({"alg": "RS256", "typ": "JWT", "kid": "k"})
TOKENS = {
    "an issuer that is no text": f"{HEADER}.{part({'iss': [], 'tenant': 't'})}.AA",
    "a tenant that is no text": f"{HEADER}.{part({'iss': 'i', 'tenant': {}})}.AA",
    "a tenant that no store holds": f"{HEADER}.{part({'iss': 'i', 'tenant': SURROGATE})}.AA",
    "a key that no store holds": f"{part({'alg': 'RS256', 'kid': SURROGATE})}.{part({'tenant': 't'})}.AA",
    "deep claims": f"{HEADER}.{part(DEEP)}.AA",
    "a deep header": f"{part(DEEP)}.{HEADER}.AA",
}


@pytest.fixture
def runtime(shared_caller: Caller) -> Runtime:
    """A tenant of its own for each test."""
    made = shared_caller.installation
    return Runtime(shared_caller, made.new_tenant(f"hostile-{b64(made.runtime.entropy.token_bytes(9))}"))


@pytest.mark.parametrize("token", TOKENS.values(), ids=TOKENS.keys())
def test_a_token_made_to_break_the_reader_is_invalid_like_any_other(runtime: Runtime, token: str) -> None:
    ask, tenant = runtime.caller.ask, {"tenantId": runtime.tenant_id}
    for method in ("oauth.v4.UserinfoService/GetUserinfo", "management.v4.TokensService/GetTokensConfig"):
        assert refusal(lambda: ask(f"identity.appid.{method}", tenant, **bearer(token)))[1] == "INVALID_TOKEN"  # noqa: B023
    application, browser = runtime.application(), Browser(runtime)
    assert runtime.is_active(token, application) is False
    browser.register(CALLBACK)
    assert browser.authorize(application, id_token_hint=token).sent_back["error"] == "invalid_request"


@pytest.mark.parametrize(
    "form",
    [
        DEEP,
        b'{"grant_type":' * 20_000,
        json.dumps({"grant_type": "client_credentials", "scope": "\0"}).encode(),
        json.dumps({"grant_type": "password", "username": SURROGATE, "password": SURROGATE}).encode(),
        json.dumps({"grant_type": "authorization_code", "code": SURROGATE, "redirect_uri": SURROGATE}).encode(),
        json.dumps({"grant_type": "refresh_token", "refresh_token": SURROGATE}).encode(),
    ],
)
def test_a_form_made_to_break_the_reader_is_refused(runtime: Runtime, form: bytes) -> None:
    with pytest.raises(Refused) as seen:
        runtime.token(form, runtime.application().basic, "application/json")
    assert seen.value.reason in ("MALFORMED_BODY", "INVALID_SCOPE", "WRONG_CREDENTIALS", "INVALID_GRANT")


def test_a_refusal_quotes_a_long_text_only_in_part(runtime: Runtime) -> None:
    role = {"name": "r", "access": [{"application_id": "\U0001f600" * 200_000, "scopes": ["s"]}]}
    body = {"tenantId": runtime.tenant_id, "role": role}
    with pytest.raises(Refused) as seen, oauth_errors():
        runtime.caller.ask("identity.appid.management.v4.RolesService/CreateRole", body, "operator")
    assert seen.value.reason == "UNKNOWN_APPLICATION"
    assert len(seen.value.message.encode()) <= 1_503
    assert seen.value.message.endswith("\U0001f600…")


def test_no_mapping_makes_an_identity_token_an_access_token(runtime: Runtime) -> None:
    runtime.user(display_name="openid appid_readuserattr appid_writeuserattr")
    mapping = tokens_pb2.ClaimMapping(
        source="cloud_directory", source_claim="displayName", destination_claim="scope"
    )  # fmt: skip
    runtime.settings(id_token_claims=[mapping], access_token_claims=[mapping])
    tokens = runtime.sign_in(runtime.application())
    assert "scope" not in runtime.verified(tokens["id_token"])[1]
    assert runtime.userinfo(tokens["access_token"])["name"] == "openid appid_readuserattr appid_writeuserattr"
    with pytest.raises(Refused) as seen:
        runtime.userinfo(tokens["id_token"])
    assert seen.value.reason == "INVALID_TOKEN"


def test_prompt_none_shows_no_page_however_it_is_spelled(runtime: Runtime) -> None:
    browser = Browser(runtime)
    browser.register(CALLBACK)
    for prompt in ("none", " none", "none "):
        assert browser.authorize(runtime.application(), prompt=prompt).sent_back["error"] == "login_required"


def test_the_keys_of_a_disabled_tenant_are_exchanged_for_nothing(runtime: Runtime) -> None:
    made, tenants = runtime.made, table_of(Tenant)
    key = made.new_api_key(runtime.tenant_id, "manager")
    with made.runtime.store.write() as work:
        work.run(update(tenants).where(tenants.c.id == runtime.tenant_id).values(state="disabled"))
    assert refusal(lambda: runtime.caller.token(key))[1] == "BXNIM0415E"


def test_a_nonce_that_no_store_holds_is_refused_before_anybody_types_a_password(runtime: Runtime) -> None:
    browser = Browser(runtime)
    browser.register(CALLBACK)
    back = browser.authorize(runtime.application(), nonce="a\0b").sent_back
    assert (back["error"], back["state"]) == ("invalid_request", "s1")
