"""Relying parties on libraries of other worlds, unchanged, against both issuers of a server of ours: `make sdk`, which
needs Go, Node and Java (a JDK, Maven) with their registries. What is not there is skipped, and said.

Not a part of `make test`, since they take longer to install than many tests take to run.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kit.servers.ports import free_port
from kit.servers.served import Served, served

pytestmark = pytest.mark.timeout(1_200)  # registries may be slow
HERE = Path(__file__).parent
REDIRECT = "http://127.0.0.1:8400/callback"
ASKED = REDIRECT.replace("8400", "51004")
SIGNED_OUT = "http://127.0.0.1:8400/bye"
PASSWORD = "correct horse battery"
APPID_SCOPE = "openid appid_default appid_readuserattr appid_readprofile appid_writeuserattr appid_authenticated"
APPID, PLATFORM = "appid", "oidc"
SCOPES = {
    APPID: [set(APPID_SCOPE.split())],
    PLATFORM: [{"openid", "profile", "email", "address", "phone", *more} for more in ((), ("groups",))],
}
"""What each issuer grants; `groups` where the library asks for it."""
NPM = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"]
MAVEN = ["mvn", "--quiet", "--batch-mode", "dependency:copy-dependencies", "-DoutputDirectory=lib"]
PROGRAMS = {
    "go": (["go", "mod", "tidy"], ["go", "run", "."]),
    "java": (MAVEN, ["java", "-cp", "lib/*", "Main.java"]),
    "spring": (MAVEN, ["java", "-cp", "lib/*", "Main.java"]),
    "node": (NPM, ["node", "main.js"]),
    "spa": (NPM, ["node", "main.js"]),
    "express": (NPM, ["node", "main.js"]),
}
"""How each is installed and run, in a folder of its own."""
CASES = [(name, issuer) for name in PROGRAMS for issuer in (APPID, PLATFORM)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("server"), workers=1) as running:
        prepare(running)
        yield running


def prepare(server: Served) -> None:
    """A tenant with refresh tokens, a lockout after four mistakes, and a user with an address."""
    management, manager = server.credentials["managementUrl"], server.manager()
    lockout = {"enabled": True, "config": {"lockOutTimeSec": 60, "numOfAttempts": 4}}
    path = "config/cloud_directory/advanced_password_management"
    policies = server.http.get(f"{management}/{path}", headers=manager).json()
    policies["advancedPasswordManagement"] |= {"enabled": True, "lockOutPolicy": lockout}
    documents = {
        "config/redirect_uris": {"redirectUris": [REDIRECT]},
        "config/cloud_directory/sso": {
            "isActive": False,
            "inactivityTimeoutSeconds": 86_400,
            "logoutRedirectUris": [SIGNED_OUT],
        },
        "config/tokens": {"refresh": {"enabled": True}},
        path: policies,
    }
    for path, document in documents.items():
        server.http.put(f"{management}/{path}", json=document, headers=manager).raise_for_status()
    for case in CASES:
        user = {
            "emails": [{"value": address_of(*case), "primary": True}], "password": PASSWORD, "status": "CONFIRMED",
            "phoneNumbers": [{"value": "+44 1"}], "addresses": [{"locality": "London"}],
        }  # fmt: skip
        server.http.post(f"{management}/cloud_directory/sign_up", json=user, headers=manager).raise_for_status()


def address_of(name: str, issuer: str) -> str:
    """A person for each: sign-ins are counted by user."""
    return f"{name}-{issuer}@example.com"


@pytest.fixture(scope="module")
def page(server: Served) -> str:
    """The client id of a single-page application."""
    management, described = server.credentials["managementUrl"], {"name": "page", "type": "singlepageapp"}
    made = server.http.post(f"{management}/applications", json=described, headers=server.manager())
    return str(made.json()["clientId"])


@pytest.fixture(scope="module", params=PROGRAMS)
def installed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A program with its libraries."""
    name = str(request.param)
    install, _ = PROGRAMS[name]
    if not shutil.which(install[0]):
        pytest.skip(f"{install[0]} is not installed here")
    folder = tmp_path_factory.mktemp(name)
    shutil.copytree(HERE / name, folder, dirs_exist_ok=True)
    shutil.copy(HERE / "person.mjs", folder)
    ended = subprocess.run(install, cwd=folder, capture_output=True, text=True, check=False)
    if ended.returncode:
        pytest.skip(f"{' '.join(install)} does not reach its registry: {ended.stderr[-300:]}")
    return name, folder


@pytest.fixture(scope="module", params=(APPID, PLATFORM))
def at(request: pytest.FixtureRequest) -> str:
    """Which issuer."""
    return str(request.param)


@pytest.fixture(scope="module")
def took(server: Served, page: str, installed: tuple[str, Path], at: str) -> dict[str, Any]:
    """What each step of a relying party came to."""
    (name, folder), made = installed, server.credentials
    given = {
        **made, "issuer": made["oauthServerUrl"] if at == APPID else f"{server.url}/oidc", "atPlatform": at == PLATFORM,
        "pageId": page, "redirectUri": ASKED, "signedOutUri": SIGNED_OUT, "username": address_of(name, at),
        "password": PASSWORD, "port": free_port(),
    }  # fmt: skip
    _, run = PROGRAMS[name]
    ended = subprocess.run(run, cwd=folder, input=json.dumps(given), capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return dict(json.loads(ended.stdout.splitlines()[-1]))


def test_it_signs_somebody_in_at_another_port_with_a_recent_sign_in(took: dict[str, Any], at: str) -> None:
    claims = took["signIn"]["claims"]
    assert took["signIn"]["expires"] is True
    scope = took["signIn"].get("scope")
    assert scope is None or set(scope.split()) in SCOPES[at], "None: the library does not hand it over"
    assert 0 <= time.time() - claims["auth_time"] < 300
    assert claims["acr"] == "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"
    assert (took["userinfo"] if at == PLATFORM else claims)["email_verified"] is True


def test_userinfo_has_the_types_that_it_reads(took: dict[str, Any]) -> None:
    about = took["userinfo"]
    assert (about["sub"], about["phone_number"]) == (took["signIn"]["claims"]["sub"], "+44 1")
    assert about["address"] == {"locality": "London"}
    assert about["updated_at"] > 1_700_000_000


def test_refreshed_tokens_are_of_the_same_sign_in(took: dict[str, Any]) -> None:
    refreshed = took.get("refresh")
    if refreshed is None:  # a single-page application gets no refresh token
        return
    assert (refreshed["rotated"], refreshed["expires"]) == (True, True)
    for name in ("sub", "auth_time", "acr"):
        assert refreshed["claims"][name] == took["signIn"]["claims"][name]


def test_a_client_may_ask_for_openids_scopes_for_itself(took: dict[str, Any]) -> None:
    assert took.get("clientCredentials", "appid_default") == "appid_default"


def test_two_mistakes_are_two_however_often_they_are_sent(took: dict[str, Any]) -> None:
    assert took.get("password", {"mistakes": 2, "then": True}) == {"mistakes": 2, "then": True}


def test_tokens_are_introspected_and_revoked(took: dict[str, Any]) -> None:
    assert (took.get("introspection", True), took.get("revoked", False)) == (True, False)
    assert took.get("oauth2Metadata", True) is True


def test_it_signs_out_and_comes_back(took: dict[str, Any], at: str) -> None:
    """Where the issuer has an end session endpoint; after it the tokens of the sign-in are dead."""
    if at == PLATFORM:
        assert took["signOut"] == {"state": "s9", "userinfo": 401}
