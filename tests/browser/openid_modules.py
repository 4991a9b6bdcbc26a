"""Modules of the OpenID Foundation's conformance suite that are about what a browser keeps and shows (sessions,
prompts, logout, front channel and back channel), each under its own name, in Chromium at both issuers: `make browser`.

`tests/conformance/test_openid_modules.py` plays all modules, without a browser. What each asks is in
docs/openid-conformance.md.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx
import pytest
from browser.chromium import chromium, is_here, submit, window
from contract.served import DATA
from joserfc import jwt
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry
from kit.servers.ports import free_port
from kit.servers.served import NO_AUTHORITIES, Served, served
from kit.servers.web import Site, answering, site
from playwright.sync_api import Browser, Page

from ostiary_api.access.v1 import access_pb2, access_pb2_grpc

pytestmark = pytest.mark.skipif(not is_here(), reason="needs Chromium and npm")
PASSWORD = "correct horse battery"
NUMBERS = itertools.count()
TOLD_S = 60
arrive = answering(200, b"<!doctype html><title>app</title><p>arrived", content_type="text/html")


@dataclass
class Party:
    """A relying party of one issuer, a person, and a window."""

    server: Served
    web: Site
    page: Page
    at: str
    client: dict[str, str]
    person: str
    metadata: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        issuer = self.server.credentials["oauthServerUrl"] if self.at == "appid" else f"{self.server.url}/oidc"
        self.metadata = self.server.http.get(f"{issuer}/.well-known/openid-configuration").json()

    @property
    def callback(self) -> str:
        return f"{self.web.url}/callback"

    @property
    def bye(self) -> str:
        return f"{self.web.url}/bye"

    def ask(self, **parameters: str) -> dict[str, str]:
        """Opens the authorization endpoint; what the browser brings back, or nothing where a page asks."""
        asked = {"client_id": self.client["clientId"], "redirect_uri": self.callback, "response_type": "code",
                 "scope": "openid", "state": "s-1", "nonce": "n-1"}  # fmt: skip
        self.page.goto(f"{self.metadata['authorization_endpoint']}?{urlencode({**asked, **parameters})}")
        return self.brought()

    def brought(self) -> dict[str, str]:
        if not self.page.url.startswith(self.callback):
            return {}
        return dict(parse_qsl(urlsplit(self.page.url).query))

    def types(self) -> dict[str, str]:
        """Types name and password into the page."""
        submit(self.page, username=self.person, password=PASSWORD)
        self.page.wait_for_url(f"{self.callback}*")
        return self.brought()

    def sign_in(self, **parameters: str) -> dict[str, Any]:
        """The whole flow with a page; the identity token's claims, with the token itself."""
        assert self.ask(**parameters) == {}, "a page asks"
        return self.claims(self.types())

    def claims(self, brought: dict[str, str]) -> dict[str, Any]:
        """The claims of the identity token of a code, its signature checked by a library of others."""
        assert brought["state"] == "s-1"
        form = {"grant_type": "authorization_code", "code": brought["code"], "redirect_uri": self.callback}
        client = self.client["clientId"], self.client["secret"]
        token = self.server.http.post(self.metadata["token_endpoint"], data=form, auth=client).json()["id_token"]
        return {**self.verified(token), "token": token}

    def verified(self, token: str) -> dict[str, Any]:
        keys = KeySet.import_key_set(self.server.http.get(self.metadata["jwks_uri"]).json())
        lenient = JWSRegistry(algorithms=["RS256"], strict_check_header=False)  # `ver` is App ID's own
        return dict(jwt.decode(token, keys, registry=lenient).claims)

    def sign_out(self, **parameters: str) -> str:
        """Opens the end session endpoint; the text of the page that it leads to."""
        self.page.goto(f"{self.metadata['end_session_endpoint']}?{urlencode(parameters)}")
        return self.page.inner_text("body")

    def is_signed_out(self) -> bool:
        return self.ask(prompt="none").get("error") == "login_required"

    def tell(self, **uris: str) -> None:
        """Registers where the client is told of sign-outs."""
        with self.server.channel() as channel:
            access_pb2_grpc.AccessServiceStub(channel).SetLogoutUris(
                access_pb2.SetLogoutUrisRequest(
                    tenant_id=self.server.credentials["tenantId"], client_id=self.client["clientId"], **uris
                ),
                metadata=list(self.server.manager().items()),
            )

    def received(self, path: str) -> list[Any]:
        return [one for one in self.web.received if urlsplit(one.path).path == path]


Module = Callable[[Party], None]
MODULES: dict[str, Module] = {}


def module(*names: str) -> Callable[[Module], Module]:
    """Registers a module under its names."""

    def registered(play: Module) -> Module:
        MODULES.update(dict.fromkeys(names, play))
        return play

    return registered


@module("oidcc-prompt-login")
def prompt_login(party: Party) -> None:
    first = party.sign_in()
    time.sleep(1.1)  # as the suite does: the times are whole seconds
    assert party.sign_in(prompt="login")["auth_time"] > first["auth_time"]


@module("oidcc-prompt-none-not-logged-in")
def silent_and_unknown(party: Party) -> None:
    assert party.ask(prompt="none") == {**party.brought(), "error": "login_required", "state": "s-1"}


@module("oidcc-prompt-none-logged-in", "oidcc-id-token-hint")
def silent_and_known(party: Party) -> None:
    first = party.sign_in()
    for hint in ({}, {"id_token_hint": first["token"]}):
        again = party.claims(party.ask(prompt="none", **hint))
        assert (again["sub"], again["auth_time"]) == (first["sub"], first["auth_time"])


@module("oidcc-max-age-1")
def too_old(party: Party) -> None:
    first = party.sign_in()
    time.sleep(2.1)
    assert party.sign_in(max_age="1")["auth_time"] > first["auth_time"]


@module("oidcc-max-age-10000")
def young_enough(party: Party) -> None:
    first = party.sign_in(max_age="15000")
    assert party.claims(party.ask(max_age="10000"))["auth_time"] == first["auth_time"]


@module("oidcc-login-hint")
def login_hint(party: Party) -> None:
    assert party.ask(login_hint="buffy@sunnydale.example") == {}
    assert party.page.input_value("#username") == "buffy@sunnydale.example"


@module("oidcc-rp-initiated-logout", "oidcc-rp-initiated-logout-no-state")
def logout(party: Party) -> None:
    for state in ({"state": "s-2"}, {}):
        hint = party.sign_in()["token"]
        party.sign_out(id_token_hint=hint, post_logout_redirect_uri=party.bye, **state)
        assert party.page.url == f"{party.bye}{'?state=s-2' if state else ''}"
        assert party.is_signed_out()


@module("oidcc-rp-initiated-logout-no-params", "oidcc-rp-initiated-logout-only-state",
        "oidcc-rp-initiated-logout-no-post-logout-redirect-uri")  # fmt: skip
def logout_to_nowhere(party: Party) -> None:
    for parameters in ({}, {"state": "s-2"}, {"state": "s-2", "id_token_hint": "the first one's"}):
        hint = party.sign_in()["token"]
        text = party.sign_out(**{name: hint if name == "id_token_hint" else each for name, each in parameters.items()})
        if "id_token_hint" not in parameters:
            assert "Do you want to sign out" in text
            party.page.click("main button")
            party.page.wait_for_selector("text=You are signed out")
        assert "You are signed out" in party.page.inner_text("body")
        assert party.is_signed_out()


@module("oidcc-rp-initiated-logout-no-id-token-hint", "oidcc-rp-initiated-logout-bad-post-logout-redirect-uri",
        "oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri",
        "oidcc-rp-initiated-logout-modified-id-token-hint",
        "oidcc-rp-initiated-logout-bad-id-token-hint")  # fmt: skip
def bad_logout(party: Party) -> None:
    hint = party.sign_in()["token"]
    head, claims, _ = hint.split(".")
    unsigned, other = f"eyJhbGciOiJub25lIn0.{claims}.", f"{head}.{claims}.{'A' * 342}"
    for uri, given in ((party.bye, ""), (f"{party.web.url}/never", hint), (f"{party.bye}?foo=bar", hint),
                       (party.bye, unsigned), (party.bye, other)):  # fmt: skip
        party.sign_out(post_logout_redirect_uri=uri, id_token_hint=given, state="s-2")
        assert party.page.url.startswith(party.metadata["end_session_endpoint"]), "an error page, and no redirect"
    assert "code" in party.ask(prompt="none"), "nothing has ended"


@module("oidcc-backchannel-rp-initiated-logout")
def back_channel(party: Party) -> None:
    party.tell(backchannel_logout_uri=f"{party.web.url}/told")
    claims = party.sign_in()
    party.sign_out(id_token_hint=claims["token"], post_logout_redirect_uri=party.bye)
    assert party.page.url == party.bye
    deadline = time.monotonic() + TOLD_S
    while not party.received("/told") and time.monotonic() < deadline:
        time.sleep(0.1)
    (told,) = party.received("/told")
    ((name, token),) = parse_qs(told.body.decode()).items()
    said = party.verified(token[0])
    assert (name, said["aud"], said["sid"]) == ("logout_token", [party.client["clientId"]], claims["sid"])
    assert said["events"] == {"http://schemas.openid.net/event/backchannel-logout": {}}
    assert "nonce" not in said


@module("oidcc-frontchannel-rp-initiated-logout")
def front_channel(party: Party) -> None:
    """The browser itself opens the frame: the page's own policy allows it, and the redirect comes after it."""
    party.tell(frontchannel_logout_uri=f"{party.web.url}/frame")
    claims = party.sign_in()
    party.sign_out(id_token_hint=claims["token"], post_logout_redirect_uri=party.bye, state="s-2")
    party.page.wait_for_url(f"{party.bye}?state=s-2")
    (frame,) = party.received("/frame")
    assert dict(parse_qsl(urlsplit(frame.path).query)) == {"iss": claims["iss"], "sid": claims["sid"]}
    paths = [urlsplit(one.path).path for one in party.web.received]
    assert paths.index("/frame") < paths.index("/bye")


@pytest.fixture(scope="module")
def web() -> Iterator[Site]:
    with site(arrive) as made:
        yield made


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, web: Site) -> Iterator[Served]:
    port = free_port()
    addresses = {"listen": f"127.0.0.1:{port}", "public_url": f"http://localhost:{port}"}
    folder = tmp_path_factory.mktemp("modules")
    with served(folder, workers=1, outgoing_allow="127.0.0.0/8", **addresses) as running:
        put(running, "config/redirect_uris", {"redirectUris": [f"{web.url}/callback"]})
        bye = [f"{web.url}/bye"]
        sso = {"isActive": True, "inactivityTimeoutSeconds": 600, "logoutRedirectUris": bye}
        put(running, "config/cloud_directory/sso", sso)
        yield running


def put(server: Served, path: str, document: dict[str, Any]) -> None:
    url = f"{server.credentials['managementUrl']}/{path}"
    server.http.put(url, json=document, headers=server.manager()).raise_for_status()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.mark.parametrize("at", ["appid", "oidc"])
@pytest.mark.parametrize("name", MODULES)
def test_module(server: Served, web: Site, browser: Browser, name: str, at: str) -> None:
    """A person, a client and a window of its own."""
    management, person = server.credentials["managementUrl"], f"person{next(NUMBERS)}@example.com"
    user = {"emails": [{"value": person, "primary": True}], "password": PASSWORD, "status": "CONFIRMED"}
    made = {"name": "party", "type": "regularwebapp"}
    with httpx.Client(base_url=management, headers=server.manager(), verify=NO_AUTHORITIES) as manager:
        manager.post("/cloud_directory/sign_up", json=user).raise_for_status()
        client = manager.post("/applications", json=made).raise_for_status().json()
    web.received.clear()
    with window(browser) as page:
        MODULES[name](Party(server, web, page, at, client, person))


def test_the_table_says_what_is_played_here() -> None:
    facts = json.loads((DATA / "openid_modules.json").read_text(encoding="utf-8"))
    assert {one["module"] for one in facts if one.get("browser")} == set(MODULES)
