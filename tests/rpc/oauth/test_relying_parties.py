"""What relying parties of other languages and libraries send and read, held as they need it."""

from __future__ import annotations

import itertools
import json
from typing import Any
from urllib.parse import quote_plus

import pytest
from google.api import httpbody_pb2
from kit.accounts.people import new_client
from kit.browser import CALLBACK, Browser, redeem
from kit.callers import Caller
from kit.oauth import URLENCODED, Application, Refused, Runtime, basic, oauth_errors, refused
from kit.patience import PATIENCE_S
from kit.platform import form

from ostiary.directory.profiles.attributes import replace_attributes
from ostiary.directory.roles.application_roles import create_role, put_profile_roles
from ostiary.directory.users.contacts import Contact
from ostiary.oauth.clients.clients import CONFIDENTIAL, PUBLIC, create_client, put_scopes
from ostiary_api.appid.management.v4 import tokens_pb2 as tokens_pb
from ostiary_api.appid.oauth.v4 import userinfo_pb2, userinfo_pb2_grpc
from ostiary_api.csp.v1 import authentication_pb2
from ostiary_api.csp.v1.authentication_pb2_grpc import AuthenticationServiceStub
from ostiary_api.oidc.v1 import provider_pb2
from ostiary_api.oidc.v1.provider_pb2_grpc import ProviderServiceStub

GRANT = {"grant_type": "client_credentials"}
OPENID = "openid email profile address phone offline_access"
REFRESHED = {"refresh": tokens_pb.RefreshTokenConfig(enabled=True)}
PASSWORD_CLASS = "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"
NUMBERS = itertools.count()
HYPHENS = str.maketrans({"-": "%2D"})


def escaped(text: str) -> str:
    """Every character in form encoding, which RFC 6749 appendix B allows."""
    return "".join(f"%{byte:02x}" for byte in text.encode())


def brought(runtime: Runtime, client_id: str, secret: str, type: str = CONFIDENTIAL) -> Application:
    """An application with an id and a secret from another server."""
    made = runtime.made.runtime
    with made.store.write() as work:
        client, _ = create_client(
            work, made.sealing, made.entropy, runtime.tenant_id, "brought", type, runtime.made.clock.now_ms(),
            client_id=client_id, secret=secret,
        )  # fmt: skip
    return Application(runtime.tenant_id, client.id, secret)


@pytest.mark.parametrize("encoded", [lambda text: text.translate(HYPHENS), escaped, quote_plus, str])
def test_both_parts_of_basic_may_be_form_encoded_at_every_endpoint(
    caller: Caller, runtime: Runtime, app: Application, encoded: Any
) -> None:
    header = basic(encoded(app.id), encoded(app.secret))
    token = runtime.token(GRANT, header)["access_token"]
    assert runtime.token({**GRANT, "client_id": app.id}, header)["access_token"]
    assert runtime.introspect({"token": token}, header).active
    runtime.revoke({"token": token}, header)
    assert not runtime.introspect({"token": token}, header).active
    robot = new_client(caller.installation, runtime.tenant_id, service_account=True)
    header = basic(encoded(robot.id), encoded(robot.secret))
    called = {"metadata": (("authorization", header),), "timeout": PATIENCE_S}
    request = provider_pb2.IssueTokenRequest(form=form(**GRANT))
    assert ProviderServiceStub(caller.channel).IssueToken(request, **called).access_token
    csp_request = authentication_pb2.IssueTokenRequest(form=form(**GRANT))
    assert AuthenticationServiceStub(caller.channel).IssueToken(csp_request, **called).access_token


@pytest.mark.parametrize("secret", ["a b", "a+b", "a%2Bb", "50%", "%zz", "ü%ff", "100%25", "+"])
def test_a_secret_of_another_server_is_understood_encoded_and_as_it_is(runtime: Runtime, secret: str) -> None:
    app = brought(runtime, "web client+1%", secret)
    for header in (basic(quote_plus(app.id), quote_plus(secret)), basic(app.id, secret)):
        assert runtime.token(GRANT, header)["access_token"], header
    for wrong in (basic(app.id, secret + "x"), basic(quote_plus(app.id), quote_plus(secret + "x"))):
        with refused("invalid_client"):
            runtime.token(GRANT, wrong)


def test_a_page_apps_verifier_may_stand_encoded_in_basic(runtime: Runtime, browser: Browser) -> None:
    page = runtime.application("spa", PUBLIC)
    with refused("invalid_client"):
        runtime.token({"grant_type": "authorization_code", "code": "x"}, basic(escaped(page.id), "other"))
    with refused("invalid_grant"):  # the client is known: only its code is not
        form = {"grant_type": "authorization_code", "code": "x", "code_verifier": "v" * 43}
        runtime.token(form, basic(escaped(page.id), escaped("v" * 43)))


def test_a_client_assertion_is_told_which_methods_are_taken(caller: Caller, runtime: Runtime, app: Application) -> None:
    asserted = {
        "client_assertion": "ey.ey.ey",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    }
    for fields in ({**GRANT, **asserted}, {**GRANT, **asserted, "client_id": app.id}):
        with refused("invalid_client") as seen:
            runtime.token(fields)
        assert "client_secret_basic" in seen.value.message
        assert "client_secret_post" in seen.value.message
    with refused("invalid_client"):
        runtime.introspect({"token": "x", **asserted})


def test_openids_own_scopes_are_understood_by_every_grant(runtime: Runtime, browser: Browser, app: Application) -> None:
    runtime.settings(**REFRESHED)
    answer = runtime.token({**GRANT, "scope": OPENID}, app.basic)
    assert answer["scope"] == "appid_default"
    assert "id_token" not in answer
    for scope in (OPENID, f"{OPENID} groups", "openid roles groups email"):
        by_code = redeem(runtime, app, browser.sign_in(app, scope=scope))
        signed_in = runtime.sign_in(app, scope=scope)
        refreshed = runtime.refresh(app, signed_in["refresh_token"], scope=scope)
        assert {by_code["scope"], signed_in["scope"], refreshed["scope"]} == {
            "openid appid_default appid_readuserattr appid_readprofile appid_writeuserattr appid_authenticated"
        }
    for unknown in ("openid nosuch", "nosuch", "openid email orders.read"):
        assert browser.authorize(app, scope=unknown).sent_back["error"] == "invalid_scope"
        with refused("invalid_scope"):
            runtime.sign_in(app, scope=unknown)
        with refused("invalid_scope"):
            runtime.token({**GRANT, "scope": unknown}, app.basic)


def test_a_role_may_define_a_scope_that_other_providers_have(runtime: Runtime, app: Application) -> None:
    runtime.user()
    made = runtime.made.runtime
    subject = str(runtime.verified(runtime.sign_in(app, scope="openid groups")["access_token"])[1]["sub"])
    with made.store.write() as work:
        put_scopes(work, app.tenant_id, app.id, ["groups", "orders.read"])
        access = {app.id: ["groups", "orders.read"]}
        role = create_role(work, app.tenant_id, "clerk", "", access, made.entropy, runtime.made.clock.now_ms())
        put_profile_roles(work, app.tenant_id, subject, [role.id])
    assert runtime.sign_in(app, scope="openid groups")["scope"].split()[6:] == ["groups"]
    assert runtime.sign_in(app, scope="openid roles")["scope"].split()[6:] == ["groups", "orders.read"]


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_an_app_may_listen_at_any_port_of_the_loopback_address(
    runtime: Runtime, browser: Browser, app: Application, host: str
) -> None:
    browser.register(f"http://{host}:8400/callback", CALLBACK)
    asked = f"http://{host}:51004/callback"
    code = browser.submit(browser.authorize(app, redirect_uri=asked)).sent_back["code"]
    with refused("invalid_grant"):
        redeem(runtime, app, code, redirect_uri=f"http://{host}:51005/callback")
    assert redeem(runtime, app, code, redirect_uri=asked)["access_token"]
    for other in (f"http://{host}:51004/other", f"http://{host}:51004/callback/", f"https://{host}:51004/callback",
                  "http://localhost:51004/callback", "http://127.0.0.2:51004/callback"):  # fmt: skip
        assert browser.authorize(app, redirect_uri=other).status == 400, other


def test_auth_time_is_the_moment_of_the_password_and_stays_when_tokens_are_refreshed(
    runtime: Runtime, browser: Browser, app: Application
) -> None:
    runtime.settings(**REFRESHED)
    clock = runtime.made.clock
    page = browser.authorize(app, max_age="300")
    clock.advance(90)
    code = browser.submit(page).sent_back["code"]
    right = clock.now_ms() // 1000
    clock.advance(20)
    answers = [redeem(runtime, app, code)]
    for seconds in (5, 1_000):
        clock.advance(seconds)
        answers.append(runtime.refresh(app, str(answers[-1]["refresh_token"])))
    for answer in answers:
        claims = runtime.verified(str(answer["id_token"]))[1]
        assert claims["auth_time"] == right
        assert isinstance(claims["auth_time"], int)
        assert "acr" not in claims
    assert runtime.verified(runtime.sign_in(app)["id_token"])[1]["auth_time"] == clock.now_ms() // 1000
    assert "auth_time" not in runtime.verified(str(answers[0]["access_token"]))[1]


def test_acr_says_how_it_was_where_the_client_asked(runtime: Runtime, browser: Browser, app: Application) -> None:
    runtime.settings(**REFRESHED, anonymous_access=tokens_pb.AnonymousAccessConfig(enabled=True))
    answer = redeem(runtime, app, browser.sign_in(app, acr_values="urn:mace:incommon:iap:silver 2"))
    assert runtime.verified(str(answer["id_token"]))[1]["acr"] == PASSWORD_CLASS
    refreshed = runtime.refresh(app, str(answer["refresh_token"]))
    assert runtime.verified(refreshed["id_token"])[1]["acr"] == PASSWORD_CLASS
    nobody = browser.authorize(app, idp="appid_anon", acr_values="1").sent_back["code"]
    assert runtime.verified(str(redeem(runtime, app, nobody)["id_token"]))[1]["acr"] == "0"


def test_no_mapping_puts_another_time_in_place_of_the_sign_ins(runtime: Runtime, app: Application) -> None:
    runtime.user(further={"nickName": "7"})
    mappings = [
        tokens_pb.ClaimMapping(source="cloud_directory", source_claim="nickName", destination_claim=name)
        for name in ("auth_time", "acr")
    ]
    runtime.settings(id_token_claims=mappings)
    claims = runtime.verified(runtime.sign_in(app)["id_token"])[1]
    assert claims["auth_time"] == runtime.made.clock.now_ms() // 1000
    assert "acr" not in claims


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "application/json"])
def test_a_field_that_decides_may_stand_once(runtime: Runtime, app: Application, kind: str) -> None:
    twice = {
        "application/x-www-form-urlencoded": b"grant_type=refresh_token&grant_type=client_credentials",
        "application/json": b'{"grant_type": "refresh_token", "grant_type": "client_credentials"}',
    }[kind]
    with refused("") as seen:
        runtime.token(twice, app.basic, kind)
    assert seen.value.reason in ("REPEATED_FIELD", "MALFORMED_BODY")


def test_resource_and_what_is_not_known_may_be_repeated(runtime: Runtime, app: Application) -> None:
    form = b"grant_type=client_credentials&resource=https://a.example&resource=https://b.example&x=1&x=2"
    assert runtime.token(form, app.basic)["access_token"]


def test_a_form_in_json_is_text_or_refused(runtime: Runtime, app: Application) -> None:
    good = json.dumps(GRANT).encode()
    assert runtime.token(b"\xef\xbb\xbf" + good, app.basic, "application/json")["access_token"], "a byte order mark"
    for bad in (b'{"grant_type": NaN}', b'{"grant_type": "client_credentials", "x": NaN}',
                b'{"grant_type": "client_credentials", "x": "\\ud800"}',
                b'{"grant_type": "client_credentials", "x": {"a": 1, "a": 2}}'):  # fmt: skip
        with refused("") as seen:
            runtime.token(bad, app.basic, "application/json")
        assert seen.value.reason == "MALFORMED_BODY", bad


def test_a_provider_that_is_off_says_so(browser: Browser, app: Application) -> None:
    for idp in ("saml", "google", "facebook", "oidc", "ibmid", "nonsense"):
        off = browser.authorize(app, idp=idp).sent_back
        assert off["error_description"] == "The identity provider is not active.", idp


def test_userinfo_has_every_standard_claim_that_the_directory_knows(runtime: Runtime, app: Application) -> None:
    runtime.user(
        given_name="Ada", family_name="King", locale="en-GB",
        phones=[Contact("+44 1", "home"), Contact("+44 2", "work", "", True)],
        further={
            "name": {"middleName": "Byron"}, "nickName": "Enchantress", "profileUrl": "https://ada.example",
            "photos": [
                {"value": "https://ada.example/small.png"}, {"value": "https://ada.example/a.png", "primary": True},
            ],
            "timezone": "Europe/London",
            "addresses": [{
                "formatted": "12 St James\nLondon", "streetAddress": "12 St James", "locality": "London",
                "region": "Middlesex", "postalCode": "SW1", "country": "GB", "type": "home",
            }],
        },
    )  # fmt: skip
    token = runtime.sign_in(app)["access_token"]
    assert runtime.userinfo(token) == {
        **runtime.userinfo(token), "given_name": "Ada", "family_name": "King", "middle_name": "Byron",
        "nickname": "Enchantress", "profile": "https://ada.example", "picture": "https://ada.example/a.png",
        "zoneinfo": "Europe/London", "locale": "en-GB", "phone_number": "+44 2", "phone_number_verified": False,
        "updated_at": runtime.made.clock.now_ms() // 1000,
        "address": {
            "formatted": "12 St James\nLondon", "street_address": "12 St James", "locality": "London",
            "region": "Middlesex", "postal_code": "SW1", "country": "GB",
        },
    }  # fmt: skip


def test_what_is_not_known_is_absent_and_never_null(runtime: Runtime, app: Application) -> None:
    runtime.user()
    answer = runtime.sign_in(app)
    seen = runtime.userinfo(answer["access_token"])
    assert set(seen) == {"sub", "name", "email", "email_verified", "preferred_username", "updated_at", "identities"}
    claims = [runtime.verified(answer[name])[1] for name in ("id_token", "access_token")]
    assert all(value is not None for document in (seen, *claims) for value in document.values())


TYPED = [
    ("email_verified", "TRUE", True), ("email_verified", "no", None), ("phone_number_verified", False, False),
    ("address", "1 Main Street", None), ("address", {"locality": "Rome", "region": None}, {"locality": "Rome"}),
    ("updated_at", "1700000000", 1_700_000_000), ("updated_at", "yesterday", None), ("updated_at", 7.9, 7),
    ("nickname", 7, "7"), ("nickname", ["a"], None), ("birthdate", True, None),
    ("custom", {"a": None, "b": 1}, {"b": 1}), ("custom", "TRUE", "TRUE"), ("email_verified.x", "true", None),
    ("updated_at", 1e300, None), ("updated_at", -5, None), ("updated_at", 253_402_300_800, None),
    ("updated_at", "253402300800", None), ("custom", [None, {"a": [None]}], [{"a": []}]),
    ("nbf", "TRUE", None), ("nbf", "1700000000", 1_700_000_000), ("jti", 7, "7"), ("azp", ["a"], None),
    ("cnf", "TRUE", None), ("cnf", {"jkt": "a", "b": None}, {"jkt": "a"}), ("act.sub", "a", {"sub": "a"}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value", "expected"), TYPED)
def test_a_mapped_claim_that_libraries_read_has_its_type_or_is_left_out(
    shared_caller: Caller, name: str, value: Any, expected: Any
) -> None:
    runtime = Runtime(shared_caller, shared_caller.installation.new_tenant(f"typed-{next(NUMBERS)}"))
    runtime.user()
    app, made = runtime.application(), runtime.made
    before = runtime.verified(runtime.sign_in(app)["id_token"])[1]
    with made.runtime.store.write() as work:
        body = json.dumps({"attributes": {"a": value}}).encode()
        replace_attributes(work, runtime.tenant_id, before["sub"], body, made.clock.now_ms())
    mapping = tokens_pb.ClaimMapping(source="attributes", source_claim="a", destination_claim=name)
    runtime.settings(id_token_claims=[mapping], access_token_claims=[mapping])
    answer = runtime.sign_in(app)
    name = name.partition(".")[0]
    for token in ("id_token", "access_token"):
        claims = runtime.verified(answer[token])[1]
        assert claims.get(name) == (before.get(name) if expected is None else expected)


def test_every_token_answer_says_how_long_and_for_what(runtime: Runtime, browser: Browser, app: Application) -> None:
    runtime.settings(**REFRESHED)
    by_code = redeem(runtime, app, browser.sign_in(app))
    answers: list[dict[str, Any]] = [by_code, runtime.sign_in(app), runtime.token(GRANT, app.basic)]
    answers.append(runtime.refresh(app, str(by_code["refresh_token"])))
    for answer in answers:
        assert type(answer["expires_in"]) is int
        assert answer["expires_in"] == 3600
        assert answer["scope"].split()
        for token in ("access_token", "id_token"):
            if token in answer:
                assert runtime.verified(answer[token])[0]["typ"] == "JWT"


def test_the_access_token_of_userinfo_may_stand_in_the_form(runtime: Runtime, app: Application) -> None:
    runtime.user()
    token = runtime.sign_in(app)["access_token"]
    stub = userinfo_pb2_grpc.UserinfoServiceStub(runtime.caller.channel)

    def ask(data: bytes, kind: str = URLENCODED, **call: Any) -> dict[str, Any]:
        body = httpbody_pb2.HttpBody(content_type=kind, data=data)
        request = userinfo_pb2.PostUserinfoRequest(tenant_id=runtime.tenant_id, form=body)
        with oauth_errors():
            answer = stub.PostUserinfo(request, timeout=PATIENCE_S, **call)
        return dict(json.loads(answer.data))

    header = {"metadata": (("authorization", f"Bearer {token}"),)}
    in_form = f"access_token={token}".encode()
    known = runtime.userinfo(token)
    assert ask(in_form) == ask(in_form, f"{URLENCODED}; charset=utf-8") == ask(b"", **header) == known
    for data, call, reason in (
        (in_form, header, "TWO_TOKENS"), (in_form + b"&" + in_form, {}, "REPEATED_FIELD"),
        (b"access_token=%ff", {}, "MALFORMED_BODY"), (in_form + b"x", {}, "INVALID_TOKEN"),
        (b"access_token=", {}, "UNAUTHENTICATED"), (b"", {}, "UNAUTHENTICATED"),
    ):  # fmt: skip
        with pytest.raises(Refused) as seen:
            ask(data, **call)
        assert seen.value.reason == reason, data
    with pytest.raises(Refused) as seen:
        ask(json.dumps({"access_token": token}).encode(), "application/json")
    assert seen.value.reason == "UNAUTHENTICATED", "RFC 6750 has the form urlencoded"
    other = Runtime(runtime.caller, runtime.made.new_tenant("other"))
    request = userinfo_pb2.PostUserinfoRequest(
        tenant_id=other.tenant_id, form=httpbody_pb2.HttpBody(content_type=URLENCODED, data=in_form)
    )
    with pytest.raises(Refused) as seen, oauth_errors():
        stub.PostUserinfo(request, timeout=PATIENCE_S)
    assert seen.value.reason == "TENANT_NOT_FOUND", "a token in the form opens no more than one in the header"
