"""People of other systems arrive over REST with the hashes that they had, and sign in with their old passwords."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from typing import Any

import bcrypt
import httpx
import pytest
from kit.accounts.foreign_hashes import TAKEN, WEAK
from kit.accounts.transfers import SECRET, arriving
from kit.servers.served import Served, served

Json = dict[str, Any]
DECOMPOSED = unicodedata.normalize("NFD", "Pässwörter 7")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    settings = {}
    if request.param == "postgresql":
        settings["database"] = request.getfixturevalue("postgres").new_database()
    with served(tmp_path_factory.mktemp("everywhere"), workers=1, weak_hashes=True, **settings) as running:
        yield running


def import_(server: Served, *users: Json) -> Json:
    path = f"{server.credentials['managementUrl']}/cloud_directory/import"
    answer = httpx.post(
        path, params={"encryption_secret": SECRET}, json={"users": users}, headers=server.manager(), timeout=20
    )
    assert answer.status_code == 200, answer.text
    told: Json = answer.json()
    return told


def signs_in(server: Served, address: str, password: str) -> bool:
    form = {"grant_type": "password", "username": address, "password": password}
    client = (server.credentials["clientId"], server.credentials["secret"])
    answer = httpx.post(f"{server.credentials['oauthServerUrl']}/token", data=form, auth=client, timeout=20)
    assert answer.status_code in (200, 400), answer.text
    return answer.status_code == 200


def test_they_sign_in(server: Served) -> None:
    keycloak = next(one for one in TAKEN if one.system.startswith("Keycloak"))
    chosen = {
        "django@example.com": next(one for one in TAKEN if one.form == "pbkdf2_sha1"),
        "ldap@example.com": next(one for one in TAKEN if one.form == "{SSHA512}"),
        "debian@example.com": next(one for one in TAKEN if one.form == "yescrypt"),
        "old@example.com": next(one for one in WEAK if one.form == "{SSHA}"),
        "text@example.com": keycloak,
    }
    users = [arriving(address, one.hash) for address, one in chosen.items()]
    users.append({**arriving("object@example.com"), "passwordHash": json.loads(keycloak.hash)})
    users.append(arriving("typed@example.com", bcrypt.hashpw(DECOMPOSED.encode(), bcrypt.gensalt(4)).decode()))
    told = import_(server, *users)
    assert (told["added"], told["failed"], told["failReasons"]) == (len(users), 0, [])
    for address in [*chosen, "object@example.com"]:
        assert not signs_in(server, address, "another engine")
        assert signs_in(server, address, "difference engine"), address
    assert signs_in(server, "typed@example.com", DECOMPOSED)
    assert signs_in(server, "typed@example.com", unicodedata.normalize("NFC", DECOMPOSED))


def test_what_is_not_taken_is_named_and_what_is_left_out_is_told(server: Served) -> None:
    unknown = [{"passwordHash": "$nobody$knows"}]
    told = import_(
        server,
        arriving("past@example.com", TAKEN[0].hash, passwordHistory=unknown),
        arriving("mysql@example.com", "*F98C61835F792AB591E57DA77B764F6895DAD9B9"),
    )
    (refused,), (left_out,) = told["failReasons"], told["leftOut"]["reasons"]
    assert (refused["email"], refused["error"]["code"]) == ("mysql@example.com", "UNKNOWN_HASH")
    assert "MySQL" in refused["error"]["message"]
    assert (left_out["email"], left_out["error"]["code"]) == ("past@example.com", "UNKNOWN_HASH")
    assert signs_in(server, "past@example.com", TAKEN[0].password)
