"""Documents for everybody (key sets, metadata) that Envoy answers itself for two seconds: which, to whom, how long."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable

import httpx
import pytest
from kit.patience import awaited
from rest.edge import FRESH, ORIGIN, TOKEN, Edge, cors_headers


def new_path() -> str:
    """The key set of a tenant that nobody has asked for."""
    return f"/oauth/v4/{uuid.uuid4()}/publickeys"


def worker_of(edge: Edge) -> Callable[[], int]:
    """Counts the requests that reach a worker."""
    return lambda: len(edge.servers[0].calls)


def own(answer: httpx.Response) -> dict[str, str]:
    """What an answer says that another may not say alike."""
    each = {"date", "x-request-id", "age"}
    return {name: value for name, value in answer.headers.multi_items() if name not in each}


def test_a_kept_document_is_the_answer_that_a_worker_gave(edge: Edge) -> None:
    path, calls = new_path(), worker_of(edge)
    before = calls()
    first, second = (edge.http.get(path) for _ in range(2))
    assert (calls() - before, first.content, own(first)) == (1, second.content, own(second))
    assert ("age" in first.headers, int(second.headers["age"])) == (False, pytest.approx(0, abs=1))
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert second.headers["cache-control"] == "public, max-age=300"
    assert cors_headers(edge.http.get(path, headers=ORIGIN))["access-control-allow-origin"] == ORIGIN["origin"]
    assert calls() - before == 1
    raw = edge.raw(f"GET {path} HTTP/1.0\r\nhost: 127.0.0.1:{edge.port}\r\n\r\n".encode())
    assert re.search(rb"\r\nage: [01]\r\n", raw, re.IGNORECASE)


SAID = {"authorization": "Bearer x", "cookie": "a=b", "pragma": "no-cache", "range": "bytes=0-1", **FRESH,
        "if-none-match": '"x"', "if-modified-since": "Mon, 30 Nov 2026 00:00:00 GMT"}  # fmt: skip


@pytest.mark.parametrize("name", [*SAID, "HEAD", "query", "host", "body"])
def test_who_says_more_than_which_document_asks_a_worker_and_nothing_is_kept_of_it(edge: Edge, name: str) -> None:
    path, calls = new_path(), worker_of(edge)
    before = calls()

    def ask() -> None:
        headers = {name: SAID[name]} if name in SAID else {"host": "b.test"} if name == "host" else {}
        verb, query = "HEAD" if name == "HEAD" else "GET", "?a=b" if name == "query" else ""
        edge.http.request(verb, path + query, headers=headers, content=b"{}" if name == "body" else None)

    if name != "host":
        ask()
    kept = edge.http.get(path)
    ask()
    assert calls() - before == (2 if name == "host" else 3)
    assert "age" not in kept.headers


def test_neither_hosts_nor_tenants_mix(edge: Edge) -> None:
    seen = set()
    for path in (new_path(), new_path()):
        for host in ("a.test", "b.test", "b.test:80"):
            first, second = (edge.http.get(path, headers={"host": host}) for _ in range(2))
            assert (first.content, "age" in second.headers) == (second.content, True)
            assert first.json()["seen"]["request"]["tenantId"] == path.split("/")[3]
            seen.add(first.content)
    assert len(seen) == 6


@pytest.mark.parametrize(
    "wanted",
    [
        {"code": "NOT_FOUND", "trailing": [["x-http-status", "404"], ["x-http-error", "{}"]]},
        {"code": "UNAVAILABLE"},
        {"initial": [["x-http-status", "201"]]},
        {"initial": [["x-http-status", "304"]]},
        {"initial": [["set-cookie", "a=1"]]},
        {"initial": [["x-of-somebody", "1"]]},
    ],
)
def test_only_what_is_the_same_for_everybody_is_kept(edge: Edge, wanted: dict[str, object]) -> None:
    path, headers = new_path(), {"x-answer": json.dumps(wanted)}
    first, second = (edge.http.get(path, headers=headers) for _ in range(2))
    assert ("age" in second.headers, second.status_code) == (False, first.status_code)


def test_it_is_gone_two_seconds_after_it_was_asked_for(edge: Edge) -> None:
    path = new_path()
    first = edge.http.get(path).content
    assert awaited(lambda: edge.http.get(path).content != first)


def test_other_verbs_are_refused_as_before(edge: Edge) -> None:
    path = new_path()
    edge.http.get(path)
    refused = edge.http.post(path)
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    assert "age" not in edge.http.post(TOKEN).headers


def test_what_is_kept_is_bounded(edge: Edge) -> None:
    """What was asked for first goes first. The answer has what arrived, so that it is as long as a header."""
    paths = [new_path() for _ in range(72)]
    for path in paths:
        edge.http.get(path, headers={"x-filler": "x" * 32_000})
    assert "age" not in edge.http.get(paths[0]).headers
    path, quotes = new_path(), {"x-filler": '"' * 40_000}
    assert "age" not in [edge.http.get(path, headers=quotes) for _ in range(2)][1].headers, "over 64 KiB"
