"""The OpenAPI document as clients get it."""

from __future__ import annotations

import json
import re
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


def test_the_reference_has_all_its_files_here_and_is_allowed_nothing_else(server: Served) -> None:
    page = server.http.get("/reference")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    policy = page.headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"} <= set(policy)
    assert "unsafe" not in page.headers["content-security-policy"]
    files = re.findall(r'(?:src|rel="stylesheet" href)="(/[^"]+)"', page.text)
    got = [server.http.get(file) for file in files]
    assert [answer.headers["content-type"].partition(";")[0] for answer in got] == [
        "text/css", "text/javascript", "text/javascript",
    ]  # fmt: skip
    assert {answer.headers["cache-control"] for answer in got} == {"public, max-age=300"}
    assert len(got[1].content) > 1_000_000
    gone = server.http.get("/reference/swagger-ui-bundle.js")
    assert (gone.status_code, gone.json()["errorCode"]) == (404, "NO_SUCH_FILE")
