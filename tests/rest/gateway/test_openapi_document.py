"""The OpenAPI document as clients get it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from kit.servers.command import ostiary
from kit.servers.served import Served, served


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("openapi"), workers=1) as running:
        yield running


def test_anybody_may_read_it_and_keep_it(server: Served) -> None:
    answer = server.http.get("/openapi.json", headers={"origin": "https://docs.example.com"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert answer.headers["access-control-allow-origin"] in ("*", "https://docs.example.com")
    assert answer.json()["openapi"].startswith("3.1.")


@pytest.mark.parametrize("held", ["{etag}", 'W/{etag}, "other"', "*"])
def test_who_has_it_already_gets_304(server: Served, held: str) -> None:
    etag = server.http.get("/openapi.json").headers["etag"]
    answer = server.http.get("/openapi.json", headers={"if-none-match": held.format(etag=etag)})
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)


def test_who_has_another_gets_it_whole(server: Served) -> None:
    answer = server.http.get("/openapi.json", headers={"if-none-match": '"other"'})
    assert answer.status_code == 200
    assert len(answer.content) > 100_000


def test_the_command_line_prints_the_same(server: Served) -> None:
    printed = ostiary("openapi", cwd=server.folder)
    assert (printed.code, json.loads(printed.stdout)) == (0, server.http.get("/openapi.json").json())
