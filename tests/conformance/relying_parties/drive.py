"""Relying parties on libraries of other worlds, unchanged, against a server of ours: `make sdk`, which needs Go,
Node and Java (a JDK, Maven) with their registries. What is not there is skipped, and said.

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
from kit.servers.served import Served, served

HERE = Path(__file__).parent
REDIRECT = "http://127.0.0.1:8400/callback"
ASKED = REDIRECT.replace("8400", "51004")
PASSWORD = "correct horse battery"
USER_SCOPE = "openid appid_default appid_readuserattr appid_readprofile appid_writeuserattr appid_authenticated"
COMMANDS = {
    "go": (["go", "mod", "tidy"], ["go", "run", "."]),
    "java": (
        ["mvn", "--quiet", "--batch-mode", "dependency:copy-dependencies", "-DoutputDirectory=lib"],
        ["java", "-cp", "lib/*", "Main.java"],
    ),
    "node": (["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"], ["node", "main.js"]),
}
"""How each is installed and run, in a folder of its own."""


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
        "config/tokens": {"refresh": {"enabled": True}},
        path: policies,
    }
    for path, document in documents.items():
        server.http.put(f"{management}/{path}", json=document, headers=manager).raise_for_status()
    for name in COMMANDS:
        user = {
            "emails": [{"value": f"{name}@example.com", "primary": True}], "password": PASSWORD, "status": "CONFIRMED",
            "phoneNumbers": [{"value": "+44 1"}], "addresses": [{"locality": "London"}],
        }  # fmt: skip
        server.http.post(f"{management}/cloud_directory/sign_up", json=user, headers=manager).raise_for_status()


@pytest.fixture(scope="module", params=COMMANDS)
def took(request: pytest.FixtureRequest, server: Served, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What each step of a relying party came to."""
    name = request.param
    install, run = COMMANDS[name]
    if not shutil.which(install[0]):
        pytest.skip(f"{install[0]} is not installed here")
    folder = tmp_path_factory.mktemp(name)
    shutil.copytree(HERE / name, folder, dirs_exist_ok=True)
    installed = subprocess.run(install, cwd=folder, capture_output=True, text=True, check=False)
    if installed.returncode:
        pytest.skip(f"{' '.join(install)} does not reach its registry: {installed.stderr[-300:]}")
    given = {**server.credentials, "redirectUri": ASKED, "username": f"{name}@example.com", "password": PASSWORD}
    ended = subprocess.run(run, cwd=folder, input=json.dumps(given), capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return dict(json.loads(ended.stdout.splitlines()[-1]))


def test_it_signs_somebody_in_at_another_port_with_a_recent_sign_in(took: dict[str, Any]) -> None:
    claims = took["signIn"]["claims"]
    assert took["signIn"] == {"claims": claims, "expires": True, "scope": USER_SCOPE}
    assert 0 <= time.time() - claims["auth_time"] < 300
    assert claims["acr"] == "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"
    assert claims["email_verified"] is True


def test_userinfo_has_the_types_that_it_reads(took: dict[str, Any]) -> None:
    about = took["userinfo"]
    assert (about["sub"], about["phone_number"]) == (took["signIn"]["claims"]["sub"], "+44 1")
    assert about["address"] == {"locality": "London"}
    assert about["updated_at"] > 1_700_000_000


def test_refreshed_tokens_are_of_the_same_sign_in(took: dict[str, Any]) -> None:
    refreshed = took["refresh"]
    assert (refreshed["rotated"], refreshed["expires"]) == (True, True)
    for name in ("sub", "auth_time", "acr"):
        assert refreshed["claims"][name] == took["signIn"]["claims"][name]


def test_a_client_may_ask_for_openids_scopes_for_itself(took: dict[str, Any]) -> None:
    assert took["clientCredentials"] == "appid_default"


def test_two_mistakes_are_two_however_often_they_are_sent(took: dict[str, Any]) -> None:
    assert took.get("password", {"mistakes": 2, "then": True}) == {"mistakes": 2, "then": True}


def test_tokens_are_introspected_and_revoked(took: dict[str, Any]) -> None:
    assert (took.get("introspection", True), took.get("revoked", False)) == (True, False)
    assert took.get("oauth2Metadata", True) is True
