"""A REST client that disconnects before its answer: what it asked for is not done, and the log says so."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from kit.patience import awaited
from kit.servers.served import Served, served

CREATE = "/identity.appid.management.v4.CloudDirectoryUsersService/CreateCloudDirectoryUser"
GONE = 6


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One worker, whose hashes take some tenths of a second, one at a time."""
    settings: dict[str, Any] = {"workers": 1, "argon2_memory_kib": 32_768, "argon2_passes": 8}
    if request.param == "postgresql":
        settings["database"] = request.getfixturevalue("postgres").new_database()
    with served(tmp_path_factory.mktemp("gone"), **settings) as running:
        yield running


def test_of_what_a_client_asked_that_disconnected_nothing_remains(server: Served) -> None:
    users = f"/management/v4/{server.credentials['tenantId']}/cloud_directory/Users"
    headers = server.manager()
    for number in range(GONE):
        body = json.dumps({"emails": [{"value": f"gone{number}@example.com"}], "password": "correct horse"})
        head = (
            f"POST {users} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {headers['authorization']}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall((head + body).encode())
            time.sleep(0.04)
    stays = {"emails": [{"value": "stays@example.com"}], "password": "correct horse"}
    assert server.http.post(users, headers=headers, json=stays).status_code == 201
    listed = server.http.get(users, headers=headers).json()
    assert [user["emails"][0]["value"] for user in listed["Resources"]] == ["stays@example.com"]
    lines = awaited(lambda: _told(server) if len(_told(server)) > GONE else [])
    assert sorted(line["outcome"] for line in lines) == ["CANCELLED"] * GONE + ["OK"]


def _told(server: Served) -> list[dict[str, Any]]:
    lines = (json.loads(line) for line in server.log.splitlines() if line.startswith("{"))
    return [line for line in lines if line.get("method") == CREATE]
