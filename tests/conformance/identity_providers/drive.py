"""OpenID providers of other hands, unchanged, by which people sign in to a server of ours: `make sdk`.

Needs Node with its registry; what is not there is skipped, and said.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx
import pytest
from kit.servers.ports import free_port
from kit.servers.served import NO_AUTHORITIES, Served, served

pytestmark = pytest.mark.timeout(600)  # registries may be slow
HERE = Path(__file__).parent
CALLBACK = "https://app.example.com/callback"
INPUT = re.compile(r'<input[^>]*\bname="(\w+)" value="([^"]*)"')
FORM = re.compile(r'<form[^>]*\baction="([^"]*)"[^>]*>(.*?)</form>', re.DOTALL)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("server"), workers=1, outgoing_allow="127.0.0.0/8") as running:
        yield running


@pytest.fixture(scope="module")
def management(server: Served) -> str:
    return f"/management/v4/{server.credentials['tenantId']}"


@pytest.fixture(scope="module")
def node_provider(server: Served, management: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The issuer of node-oidc-provider, which the tenant trusts."""
    if not shutil.which("npm"):
        pytest.skip("needs Node and npm")
    folder, port = tmp_path_factory.mktemp("node"), free_port()
    for file in (HERE / "node").iterdir():
        shutil.copy(file, folder)
    install = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"]
    subprocess.run(install, cwd=folder, check=True, capture_output=True, timeout=300)
    manager = server.manager()
    back = server.http.get(f"{management}/config/idps/oidc", headers=manager).json()["redirectURL"]
    issuer = f"http://127.0.0.1:{port}"
    config = {"issuer": issuer, "clientId": "ostiary", "secret": "secret: of/the client", "displayName": "Node"}
    document = {"isActive": True, "config": config}
    server.http.put(f"{management}/config/idps/oidc", json=document, headers=manager).raise_for_status()
    uris = {"redirectUris": [CALLBACK]}
    server.http.put(f"{management}/config/redirect_uris", json=uris, headers=manager).raise_for_status()
    command = ["node", "provider.mjs", str(port), back]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            assert running.stdout.readline() == "ready\n"
            yield issuer
        finally:
            running.terminate()


class Person:
    """A person with a browser."""

    def __init__(self, server: Served) -> None:
        self.server = server
        headers = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
        self.http = httpx.Client(headers=headers, timeout=30, verify=NO_AUTHORITIES)

    def follow(self, answer: httpx.Response) -> httpx.Response:
        """Goes where it is sent, up to a page, or the application."""
        while answer.has_redirect_location:
            location = urljoin(str(answer.url), answer.headers["location"])
            if location.startswith(CALLBACK):
                return answer
            answer = self.http.get(location)
        return answer

    def begin(self, **parameters: str) -> httpx.Response:
        asked = {"client_id": self.server.credentials["clientId"], "response_type": "code", "redirect_uri": CALLBACK}
        url = f"{self.server.credentials['oauthServerUrl']}/authorization"
        return self.follow(self.http.get(url, params={**asked, "idp": "oidc", "state": "s", **parameters}))

    def send(self, page: httpx.Response, **typed: str) -> httpx.Response:
        """Sends the form of a page."""
        action, content = FORM.findall(page.text)[0]
        fields = {name: unescape(value) for name, value in INPUT.findall(content)}
        return self.follow(self.http.post(urljoin(str(page.url), unescape(action)), data={**fields, **typed}))

    def claims(self, answer: httpx.Response) -> dict[str, Any]:
        """What userinfo says of whoever has come back to the application."""
        code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
        grant = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
        credentials = self.server.credentials
        client = credentials["clientId"], credentials["secret"]
        tokens = self.server.http.post(f"{credentials['oauthServerUrl']}/token", data=grant, auth=client).json()
        bearer = {"authorization": f"Bearer {tokens['access_token']}"}
        found: dict[str, Any] = self.server.http.get(f"{credentials['oauthServerUrl']}/userinfo", headers=bearer).json()
        return found


@pytest.fixture
def person(server: Served) -> Iterator[Person]:
    made = Person(server)
    with made.http:
        yield made


def test_people_of_node_oidc_provider_sign_in(person: Person, node_provider: str) -> None:
    page = person.begin()
    assert str(page.url).startswith(f"{node_provider}/interaction/"), page.text
    consent = person.send(page, login="ada", password="any")
    claims = person.claims(person.send(consent))
    assert (claims["name"], claims["email"]) == ("Ada Lovelace", "ada@op.example")
    assert claims["identities"][0]["provider"] == "oidc"
    again = person.claims(person.begin(max_age="600"))
    assert again["sub"] == claims["sub"], "who is signed in there is not asked again"
    asked = person.begin(prompt="login")
    assert "/interaction/" in str(asked.url)


def test_who_cancels_there_comes_back_to_the_page(person: Person, node_provider: str) -> None:
    page = person.begin()
    cancel = re.findall(r'href="([^"]*/abort)"', page.text)[0]
    back = person.follow(person.http.get(urljoin(str(page.url), cancel)))
    assert (back.status_code, "You have cancelled the sign-in there" in back.text) == (403, True), back.text
    assert "Continue with <bdi>Node</bdi>" in back.text
