"""Directories that move through the real gateway as files: streamed in and out, and done by the background process."""

from __future__ import annotations

import gzip
import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from kit.patience import PATIENCE_S, awaited
from kit.servers.served import Served, served

SECRET = "planted-transfer-secret-81"
PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("transfer"), workers=1, max_file_bytes=24 << 20, log_level="debug") as running:
        yield running


@pytest.fixture(scope="module")
def directory(server: Served) -> Iterator[httpx.Client]:
    base = f"{server.url}/management/v4/{server.credentials['tenantId']}/cloud_directory"
    with httpx.Client(base_url=base, headers=server.manager(), timeout=60) as client:
        yield client


def ended(directory: httpx.Client, kind: str, id: str, seconds: float = PATIENCE_S) -> dict[str, Any]:
    """The status of a job once it has ended."""

    def status() -> dict[str, Any] | None:
        told: dict[str, Any] = directory.get(f"{kind}/status", params={"id": id}).json()
        return None if told["status"] == "IN_PROGRESS" else told

    return awaited(status, seconds, every=0.3) or {}


def arriving(number: int, padding: str = "") -> dict[str, Any]:
    scim = {"originalId": str(number), "emails": [{"value": f"user{number}@example.com"}]}
    profile = {"attributes": {"padding": padding}}
    return {"scimUser": scim, "passwordHash": "", "passwordHashAlg": "", "profile": profile, "roles": []}


def begin_import(directory: httpx.Client, file: bytes) -> httpx.Response:
    fields = {"encryptionSecret": SECRET, "emailAddress": "admin@example.com"}
    return directory.post("import/all", data=fields, files={"file": ("users.json.gz", file)})


def test_a_page_goes_out_and_comes_in(directory: httpx.Client) -> None:
    user = {"emails": [{"value": "ada@example.com"}], "password": PASSWORD, "status": "CONFIRMED"}
    assert directory.post("Users", json=user).status_code == 201
    page = directory.get("export", params={"encryption_secret": SECRET, "startIndex": 1, "count": 50})
    assert (page.status_code, page.headers["content-type"]) == (200, "application/json")
    assert page.json()["requestOptions"] == {"startIndex": 1, "count": 50}
    again = directory.post("import", params={"encryption_secret": SECRET}, json=page.json())
    assert (again.status_code, again.json()["added"], again.json()["failed"]) == (200, 0, 1)
    assert again.json()["failReasons"][0]["error"]["code"] in ("EMAIL_TAKEN", "USERNAME_TAKEN")
    gone = directory.post("bulk_remove", json={"ids": [directory.get("Users").json()["Resources"][0]["id"]]})
    assert (gone.status_code, gone.json()) == (200, {"removed": 1, "failed": 0, "failReasons": []})
    fresh = directory.post("import", params={"encryption_secret": SECRET}, json=page.json())
    assert fresh.json() == {"added": 1, "failed": 0, "failReasons": []}


def test_a_file_far_larger_than_a_request_may_be_is_taken_in_and_comes_out(
    server: Served, directory: httpx.Client
) -> None:
    users = [arriving(number, os.urandom(4_000).hex()) for number in range(1_500)]
    file = gzip.compress(json.dumps({"users": users}).encode(), 1)
    assert len(file) > 4 << 20
    begun = begin_import(directory, file)
    assert begun.status_code == 202, begun.text
    done = ended(directory, "import", begun.json()["id"])
    assert (done["status"], done["added"], done["failed"], done["progress"]) == ("COMPLETED", 1_500, 0, 100)
    export = directory.post("export/all", json={"encryptionSecret": SECRET, "expires": 1})
    assert export.status_code == 202, export.text
    asked = {"id": export.json()["id"]}
    assert ended(directory, "export", asked["id"])["exported"] == 1_501
    with directory.stream("GET", "export/download", params=asked) as answer:
        content = answer.read()
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/gzip")
        assert answer.headers["content-disposition"].endswith('.json.gz"')
    assert len(content) > 4 << 20
    assert len(json.loads(gzip.decompress(content))["users"]) == 1_501
    assert directory.delete("export/download", params=asked).status_code == 204
    gone = directory.get("export/download", params=asked)
    assert (gone.status_code, gone.json()["errorCode"]) == (404, "TRANSFER_NOT_FOUND")
    assert SECRET not in server.log
    assert "admin@example.com" not in server.log


def test_a_file_that_is_too_large_is_413_and_a_form_that_is_none_400(directory: httpx.Client) -> None:
    large = begin_import(directory, os.urandom(25 << 20))
    assert (large.status_code, large.json()["errorCode"]) == (413, "FILE_TOO_LARGE")
    odd = directory.post("import/all", json={"encryptionSecret": SECRET})
    assert (odd.status_code, odd.json()["errorCode"]) == (400, "MALFORMED_BODY")
    assert directory.post("import/all").status_code == 400


def test_an_import_survives_the_death_of_the_background_process(server: Served, directory: httpx.Client) -> None:
    file = gzip.compress(json.dumps({"users": [arriving(number) for number in range(20_000, 24_000)]}).encode())
    id = begin_import(directory, file).json()["id"]
    awaited(lambda: directory.get("import/status", params={"id": id}).json()["added"], every=0.02)
    os.kill(server.children()["background"], signal.SIGKILL)
    killed = directory.get("import/status", params={"id": id}).json()
    assert killed["status"] == "IN_PROGRESS"
    time.sleep(0.5)
    done = ended(directory, "import", id, 2 * PATIENCE_S)  # the lease of the dead runs out first
    assert (done["status"], done["added"], done["failed"]) == ("COMPLETED", 4_000, 0)


def test_strangers_who_begin_to_send_and_never_end_hold_nobody_up(server: Served, directory: httpx.Client) -> None:
    tenant = server.credentials["tenantId"]
    with ExitStack() as stack:
        for token in ["", "Authorization: Bearer made-up\r\n"] * 30:
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            connection.sendall(
                f"POST /management/v4/{tenant}/cloud_directory/import/all HTTP/1.1\r\nHost: x\r\n{token}"
                f"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 100000\r\n\r\n--x\r\n".encode()
            )
        started = time.monotonic()
        assert directory.get("Users", params={"count": 1}).status_code == 200
        assert begin_import(directory, json.dumps({"users": [arriving(99_999)]}).encode()).status_code == 202
        assert time.monotonic() - started < 10


def test_who_may_not_import_is_told_so_before_the_file_has_come(server: Served) -> None:
    path = f"{server.url}/management/v4/{server.credentials['tenantId']}/cloud_directory/import/all"
    answer = httpx.post(path, files={"file": os.urandom(8 << 20)}, data={"encryptionSecret": SECRET}, timeout=30)
    assert answer.status_code == 401
