"""The gateway alone: what browsers of other origins may do, what nobody can forge, what never leaves."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from kit.patience import awaited
from rest.edge import FAMILIES, KEYS, ORIGIN, PREFLIGHT, SETTINGS, TOKEN, Edge, cors_headers, failing, seen


@pytest.mark.parametrize("origin", ["https://app.test", "null", "http://localhost:3000"])
@pytest.mark.parametrize(("verb", "path"), [("POST", TOKEN), ("GET", KEYS), ("POST", "/oauth/v3/t1/token")])
def test_any_origin_may_call_what_is_declared_for_browsers(edge: Edge, verb: str, path: str, origin: str) -> None:
    assert cors_headers(edge.http.request(verb, path, headers={"origin": origin})) == {
        "access-control-allow-origin": origin
    }
    asked = edge.http.options(path, headers=PREFLIGHT | {"origin": origin})
    assert asked.status_code == 200
    allowed = set(cors_headers(asked)["access-control-allow-headers"].split(", "))
    assert allowed == {"authorization", "content-type", "x-filter-type"}
    assert "access-control-allow-credentials" not in asked.headers


CLOSED = ["/oauth/v4/t1/authorization", "/oauth/v4/t1/nothing", f"{KEYS}/below", "/nowhere"]


@pytest.mark.parametrize("path", [*(path for path, family, _ in FAMILIES if family != "oauth"), *CLOSED])
def test_nothing_else_answers_cors(edge: Edge, path: str) -> None:
    assert cors_headers(edge.http.get(path, headers=ORIGIN)) == {}
    asked = edge.http.options(path, headers=PREFLIGHT)
    assert asked.status_code in (404, 405)
    assert cors_headers(asked) == {}


def test_options_without_a_preflight_is_405(edge: Edge) -> None:
    answer = edge.http.options(TOKEN)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST, OPTIONS")


# What a client cannot forge, and what never leaves


def test_a_client_cannot_forge_what_only_the_gateway_says(edge: Edge) -> None:
    forged = {
        "x-client-ip": "6.6.6.6", "x-envoy-original-path": "/evil", "x-forwarded-for": "6.6.6.6",
        "x-http-status": "200", "x-envoy-retry-on": "5xx", "x-request-id": "mine",
        "x-envoy-upstream-rq-timeout-ms": "999999",
    }  # fmt: skip
    got = seen(edge.http.get(SETTINGS, headers=forged))["metadata"]
    assert got["x-client-ip"] == "127.0.0.1"
    assert got["x-envoy-original-path"] == SETTINGS
    assert got["x-request-id"] != "mine"
    assert not got.keys() & {"x-http-status", "x-envoy-retry-on", "x-envoy-upstream-rq-timeout-ms"}


def test_the_client_address_is_that_of_the_trusted_hop(opened: Callable[..., Edge]) -> None:
    edge = opened(trusted_hops=1)
    for forwarded in ("203.0.113.9", "6.6.6.6, 203.0.113.9", f"{'6.6.6.6, ' * 500}203.0.113.9"):
        got = seen(edge.http.get(SETTINGS, headers={"x-forwarded-for": forwarded}))
        assert got["metadata"]["x-client-ip"] == "203.0.113.9"


def test_the_answer_carries_the_request_id_and_nothing_internal(edge: Edge) -> None:
    for answer in (edge.http.get(SETTINGS), edge.http.get(SETTINGS, headers=failing(400, "{}")), edge.http.get("/no")):
        assert answer.headers["x-request-id"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        inside = ("x-http-", "x-local-", "x-envoy-", "grpc-", "server")
        assert [name for name in answer.headers if name.startswith(inside)] == []


def test_the_log_has_templates_and_no_path_or_query(edge: Edge) -> None:
    edge.http.get("/management/v4/secret-tenant/config/settings?tenantId=secret-query")
    edge.http.get("/secret-path")
    edge.http.put("/management/v4/secret-tenant/config/settings", content=b"secret" * 200_000)
    awaited(lambda: edge.log.read_text().count('"route":"/management/**"') >= 2)
    log = edge.log.read_text()
    assert "secret" not in log
    assert "script log" not in log, "the Lua filter failed"
