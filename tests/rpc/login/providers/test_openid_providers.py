"""Sign-in with an OpenID provider, which is a second server here: what it says is believed only where it is right."""

from __future__ import annotations

import base64
import itertools
import json
from typing import Any

import pytest
from kit.browser import CALLBACK, Browser, Seen, redeem
from kit.callers import Caller
from kit.cases import in_one_test
from kit.oauth import Runtime
from kit.servers.openid import ADA, CLIENT, SECRET, Provider

from ostiary.directory.users.cloud_directory import CLOUD_DIRECTORY

MANAGEMENT = "identity.appid.management.v4"
BACK = "ReturnFromOpenIdProvider"
NUMBERS = itertools.count()


class World:
    """A tenant with the provider, an application of it, and a browser."""

    def __init__(self, server: Caller, provider: Provider) -> None:
        self.server, self.provider = server, provider
        provider.reset()
        server.forget_tokens()  # some are over, since tests move the clock
        self.tenant_id = server.installation.new_tenant(f"t{next(NUMBERS)}")
        self.runtime = Runtime(server, self.tenant_id)
        self.app = self.runtime.application()
        self.browser = Browser(self.runtime)
        self.browser.register(CALLBACK)
        config = {"issuer": provider.web.url, "clientId": CLIENT, "secret": SECRET, "displayName": "Acme & Co"}
        self.put("OpenId", {"isActive": True, "config": config})

    def ask(self, method: str, role: str = "operator", **body: Any) -> Any:
        return self.server.ask(f"{MANAGEMENT}.{method}", {"tenantId": self.tenant_id, **body}, role)

    def put(self, name: str, document: dict[str, Any]) -> Any:
        return self.ask(f"IdentityProvidersService/Put{name}Provider", provider=document)

    def directory(self, *, on: bool) -> None:
        installation = self.server.installation
        with installation.runtime.store.write() as work:
            document = CLOUD_DIRECTORY.default_document()
            document.is_active = on
            CLOUD_DIRECTORY.replace(work, self.tenant_id, document, installation.clock.now_ms())

    def sent(self, **parameters: str) -> str:
        """The address at the provider to which the application's request leads."""
        seen = self.browser.authorize(self.app, idp="oidc", **parameters)
        assert seen.status == 303, seen.body
        return seen.headers["location"]

    def back(self, answer: dict[str, str], method: str = BACK) -> Seen:
        return self.browser.come_back(method, **answer)

    def sign_in(self, **parameters: str) -> Seen:
        return self.back(self.provider.agrees(self.sent(**parameters)))

    def tokens(self, seen: Seen) -> dict[str, object]:
        return redeem(self.runtime, self.app, seen.sent_back["code"])

    def claims(self, seen: Seen) -> dict[str, Any]:
        return self.runtime.verified(str(self.tokens(seen)["id_token"]))[1]


@pytest.fixture
def world(server: Caller, provider: Provider) -> World:
    return World(server, provider)


def test_who_signs_in_there_has_a_profile_here_with_what_the_provider_says(world: World) -> None:
    mapping = [{"source": "oidc", "sourceClaim": "department.name", "destinationClaim": "dept"}]
    world.ask("TokensService/PutTokensConfig", config={"idTokenClaims": mapping, "accessTokenClaims": mapping})
    page = world.browser.authorize(world.app)
    assert "Continue with <bdi>Acme &amp; Co</bdi>" in page.body
    location = world.browser.press(page, "oidc").headers["location"]
    asked = world.provider.asked(location)
    assert asked["redirect_uri"].endswith(f"/oauth/v4/{world.tenant_id}/OpenID/callback")
    assert (asked["scope"], asked["code_challenge_method"]) == ("openid email profile", "S256")
    world.provider.claims = {"auth_time": world.provider.now_s() - 100, "at_hash": "x", "amr": ["pwd"]}
    tokens = world.tokens(world.back(world.provider.agrees(location)))
    claims = world.runtime.verified(str(tokens["id_token"]))[1]
    assert (claims["amr"], claims["identities"]) == (["oidc"], [{"provider": "oidc", "id": "ada-1"}])
    assert claims == {**claims, "name": ADA["name"], "email": ADA["email"], "email_verified": True, "dept": "R&D"}
    assert claims["auth_time"] == world.provider.now_s() - 100
    assert world.runtime.verified(str(tokens["access_token"]))[1]["dept"] == "R&D"
    (known,) = world.runtime.userinfo(str(tokens["access_token"]))["identities"]
    assert (known["idpUserInfo"]["idpType"], known["idpUserInfo"]["from"]) == ("oidc", "userinfo")
    assert not {"iss", "aud", "exp", "nonce", "at_hash", "amr"} & known["idpUserInfo"].keys()
    assert world.claims(world.sign_in())["sub"] == claims["sub"]


def test_wishes_of_the_application_are_passed_on(world: World) -> None:
    asked = world.provider.asked(
        world.sent(prompt="login consent", max_age="600", login_hint="ada@op.example", ui_locales="de fr")
    )
    assert (asked["prompt"], asked["max_age"], asked["login_hint"]) == ("login", "600", "ada@op.example")
    assert asked["ui_locales"] == "de fr"


NOT_BELIEVED = {
    "another nonce": {"nonce": "planted"}, "no nonce": {"nonce": None}, "another client": {"aud": "rp-2"},
    "one of several clients, and not named": {"aud": [CLIENT, "rp-2"]},
    "given to another client": {"aud": [CLIENT, "rp-2"], "azp": "rp-2"}, "azp alone is another": {"azp": "rp-2"},
    "another issuer": {"iss": "https://other.example"}, "no issuer": {"iss": None}, "expired": {"exp": 1_000_000_000},
    "without an end": {"exp": None}, "an end that is text": {"exp": "9999999999"}, "without a start": {"iat": None},
    "of tomorrow": {"iat": 9_999_999_999}, "not yet": {"nbf": 9_999_999_999}, "nobody": {"sub": None},
    "a number": {"sub": 7}, "somebody else at userinfo": {"sub": "eve-1"}, "a long name": {"sub": "x" * 256},
    "too long ago": {"auth_time": 1_000_000_000}, "nobody says when": {},
}  # fmt: skip


@in_one_test("case", list(NOT_BELIEVED))
def test_an_identity_token_with_wrong_claims_signs_nobody_in(world: World, case: str) -> None:
    world.provider.reset()
    world.provider.claims = NOT_BELIEVED[case]
    if case == "a long name":
        world.provider.userinfo = world.provider.claims
    wishes = {"max_age": "60"} if case in ("too long ago", "nobody says when") else {}
    refused(world.sign_in(**wishes))


def refused(seen: Seen) -> None:
    assert (seen.status, "could not sign you in" in seen.body) == (400, True), seen.body
    assert "location" not in seen.headers


def unsigned(world: World, nonce: str) -> str:
    parts = ({"alg": "none"}, {**json.loads(base64.b64decode(world.provider.id_token(nonce).split(".")[1] + "=="))})
    header, claims = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)
    return f"{header}.{claims}."


@in_one_test(
    "case", ["none", "HS256", "a strange key", "an unknown key", "no token", "an encrypted one", "another's token"]
)
def test_an_identity_token_that_the_provider_has_not_signed_signs_nobody_in(world: World, case: str) -> None:
    world.provider.reset()
    location = world.sent()
    nonce = world.provider.asked(location)["nonce"]
    match case:
        case "none":
            world.provider.token = unsigned(world, nonce)
        case "HS256":
            world.provider.alg = "HS256"
        case "a strange key":
            world.provider.key = "two"
            _, claims, signature = world.provider.id_token(nonce).split(".")
            world.provider.key = "one"
            world.provider.token = f"{world.provider.id_token(nonce).split('.')[0]}.{claims}.{signature}"
        case "an unknown key":
            world.provider.key = "two"
        case "no token":
            world.provider.token = ""
        case "an encrypted one":
            world.provider.token = "a.b.c.d.e"
        case "another's token":
            world.provider.token = world.provider.id_token(world.provider.asked(world.sent())["nonce"])
    refused(world.back(world.provider.agrees(location)))


def test_a_changed_key_is_fetched_and_unknown_ones_cause_no_storm(world: World) -> None:
    assert world.sign_in().status == 303
    world.provider.published, world.provider.key, world.provider.alg = ("one", "curve"), "curve", "ES256"
    fetched = fetches(world)
    refused(world.sign_in())
    refused(world.sign_in())
    assert fetches(world) == fetched, "they were fetched less than a minute ago"
    world.server.installation.clock.advance(61)
    assert world.sign_in().status == 303
    assert fetches(world) == fetched + 1


def fetches(world: World) -> int:
    return sum(request.path == "/keys" for request in world.provider.web.received)


@in_one_test(
    "case", ["another issuer", "no issuer", "an error of another issuer", "a planted code", "at another's address"]
)
def test_an_answer_of_another_provider_is_none(world: World, case: str) -> None:
    answer = world.provider.agrees(world.sent())
    match case:
        case "another issuer":
            answer["iss"] = "https://other.example"
        case "no issuer":
            del answer["iss"]
        case "an error of another issuer":
            answer = {"state": answer["state"], "iss": "https://other.example", "error": "access_denied"}
        case "a planted code":
            answer["code"] = "planted"
        case "at another's address":
            seen = world.back(answer, "ReturnFromGoogle")
            assert (seen.status, json.loads(seen.body)["error"]) == (400, "invalid_request")
            return
    refused(world.back(answer))


@in_one_test(
    "metadata",
    [
        {"issuer": "https://other.example"}, {"token_endpoint": None}, {"jwks_uri": "javascript:alert(1)"},
        {"authorization_endpoint": "file:///etc/passwd"},
    ],
)  # fmt: skip
def test_a_provider_that_describes_itself_wrongly_is_not_asked(world: World, metadata: dict[str, Any]) -> None:
    world.server.installation.clock.advance(3_600)  # what was known of it is forgotten
    world.provider.metadata = metadata
    refused(world.browser.authorize(world.app, idp="oidc"))


def test_a_provider_that_is_not_to_be_reached_is_told_to_the_person(world: World) -> None:
    config = {"issuer": "https://169.254.169.254/op", "clientId": "a", "secret": "b"}
    world.put("OpenId", {"isActive": True, "config": config})
    page = world.browser.press(world.browser.authorize(world.app), "oidc")
    assert (page.status, "does not answer at this moment" in page.body) == (400, True)
    assert 'name="password"' in page.body, "the other ways are offered on the same page"


def test_google_is_an_openid_provider_with_an_issuer_of_its_own(world: World) -> None:
    world.put("Google", {"isActive": True, "config": {"idpId": CLIENT, "secret": SECRET}})
    world.directory(on=False)
    page = world.browser.authorize(world.app)
    assert [page.body.count(f'value="{name}"') for name in ("google", "oidc")] == [1, 1], "among several one chooses"
    assert 'name="password"' not in page.body
    location = world.browser.press(page, "google").headers["location"]
    assert world.provider.asked(location)["redirect_uri"].endswith("/Google/callback")
    claims = world.claims(world.back(world.provider.agrees(location), "ReturnFromGoogle"))
    assert (claims["amr"], claims["identities"]) == (["google"], [{"provider": "google", "id": "ada-1"}])
    location = world.browser.authorize(world.app, idp="google", prompt="login", max_age="5").headers["location"]
    asked = world.provider.asked(location)
    assert (asked["prompt"], "max_age" in asked) == ("select_account", False)


def test_a_proved_address_leads_to_the_profile_that_waits_and_another_does_not(world: World) -> None:
    def waits(idp: str, name: str) -> str:
        body = json.dumps({"idp": idp, "idp-identity": name, "profile": {"attributes": {"level": "gold"}}})
        content = base64.b64encode(body.encode()).decode()
        answer = world.ask("UsersService/PreRegisterUser", user={"contentType": "application/json", "data": content})
        return str(answer["id"])

    world.provider.claims, waiting = {"email_verified": False}, waits("oidc", "ada@op.example")
    assert world.claims(world.sign_in())["sub"] != waiting
    world.provider.claims = world.provider.userinfo = {"sub": "ada-2"}
    assert world.claims(world.sign_in())["sub"] == waiting
    said = {"sub": "ada-3", "email_verified": "true", "email": "b@op.example"}
    world.provider.claims, world.provider.userinfo, waiting = said, said, waits("oidc", "b@op.example")
    assert world.claims(world.sign_in())["sub"] == waiting


def test_settings_of_a_provider(world: World) -> None:
    service = "IdentityProvidersService/GetOpenIdProvider"
    shown = world.ask(service)
    assert shown["redirectURL"].endswith(f"/oauth/v4/{world.tenant_id}/OpenID/callback")
    assert shown["config"] == {
        "issuer": world.provider.web.url, "clientId": CLIENT, "secret": SECRET, "displayName": "Acme & Co",
    }  # fmt: skip
    world.put("OpenId", {"isActive": True, "config": {**shown["config"], "displayName": ""}})
    assert world.ask(service)["config"]["displayName"] == world.provider.web.url.removeprefix("http://")
    world.put("OpenId", {"isActive": False})
    assert world.browser.authorize(world.app, idp="oidc").sent_back["error"] == "access_denied"
