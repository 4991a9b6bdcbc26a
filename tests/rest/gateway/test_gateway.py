"""The gateway alone: how requests become messages and answers, over REST and native gRPC."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from rest.edge import KEYS, ORIGIN, PREFLIGHT, SETTINGS, TOKEN, Edge, answering, cors_headers, failing, seen

from ostiary.gateway.render import NO_STORE

# What a success looks like


def test_query_path_and_body_become_the_message(edge: Edge) -> None:
    got = seen(edge.http.get(SETTINGS, params={"pageSize": 7, "filter": "a b+c", "nobody_knows": 1}))
    assert got["request"] == {"tenantId": "t1", "pageSize": 7, "filter": "a b+c"}
    put = seen(edge.http.put(SETTINGS, json={"name": "né", "list": ["1"]}))
    assert put["request"] == {"tenantId": "t1", "settings": {"name": "né", "list": ["1"]}}


def test_plain_fields_are_always_shown_and_optional_ones_when_set(edge: Edge) -> None:
    assert edge.http.get(SETTINGS).json().keys() == {"name", "count", "list", "seen"}


def test_the_form_arrives_byte_exact_with_its_content_type(edge: Edge) -> None:
    form = edge.http.post(TOKEN, data={"grant_type": "password", "password": "p+ä&="}).json()["request"]["form"]
    assert form["contentType"] == "application/x-www-form-urlencoded"
    assert form["data"]


@pytest.mark.parametrize("status", [200, 201, 202, 302, 303])
def test_a_worker_sets_status_and_headers(edge: Edge, status: int) -> None:
    headers = [["location", "https://x.test/y"], ["set-cookie", "a=1"], ["set-cookie", "b=2"]]
    answer = edge.http.get(SETTINGS, headers=answering(initial=[["x-http-status", str(status)], *headers]))
    assert answer.status_code == status
    assert answer.headers["location"] == "https://x.test/y"
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert answer.json()["name"] == "né"


@pytest.mark.parametrize("status", [204, 304])
def test_204_and_304_have_no_body(edge: Edge, status: int) -> None:
    answer = edge.http.delete(SETTINGS, headers=answering(initial=[["x-http-status", str(status)]]))
    assert (answer.status_code, answer.content) == (status, b"")
    assert "content-type" not in answer.headers
    assert "content-length" not in answer.headers


@pytest.mark.parametrize(("count", "length"), [(0, 0), (1, 1), (3, 3)])
def test_a_stream_is_a_json_array(edge: Edge, count: int, length: int) -> None:
    answer = edge.http.get("/management/v4/t1/config/list", headers=answering(count=count))
    assert len(answer.json()) == length


def test_a_stream_may_fail_before_its_first_item(edge: Edge) -> None:
    answer = edge.http.get("/management/v4/t1/config/list", headers=failing(404, "Not Found", "text/plain"))
    assert (answer.status_code, answer.text) == (404, "Not Found")


def test_head_is_get_without_body(edge: Edge) -> None:
    answer = edge.http.head(SETTINGS)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("wanted", [{}, {"initial": [["x-http-status", "201"]]}, {"code": "INTERNAL"}])
@pytest.mark.parametrize("path", [SETTINGS, "/management/v4/t1/config/list", "/nowhere"])
def test_a_body_left_out_is_not_taken_for_the_next_answer(edge: Edge, path: str, wanted: dict[str, Any]) -> None:
    host = f"host: x\r\nx-answer: {json.dumps(wanted)}\r\n"
    two = f"HEAD {path} HTTP/1.1\r\n{host}\r\nDELETE {SETTINGS} HTTP/1.1\r\n{host}connection: close\r\n\r\n"
    first, second, *_ = edge.raw(two.encode()).split(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 ")
    assert second.startswith(b"HTTP/1.1 ")


# Verbs, paths, caching, CORS


@pytest.mark.parametrize("path", ["/management/v4/t1/logout", "/oauth/v4/t1/authorization"])
def test_head_on_a_get_that_changes_something_is_405(edge: Edge, path: str) -> None:
    before = len(edge.servers[0].calls)
    answer = edge.http.head(path)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    assert len(edge.servers[0].calls) == before
    assert edge.http.get(path).status_code == 200


@pytest.mark.parametrize(
    ("path", "bound"),
    [
        (f"{SETTINGS}/", "t1"),
        ("/management//v4/t1/./config/settings", "t1"),
        ("/management/v4/a%2Fb/config/settings", "a/b"),
        ("/management/v4/%C3%A9/config/settings", "é"),
        ("/management/v4/urn:x:y/config/settings", "urn:x:y"),
        ("/oauth/v3/t1/token", "t1"),
    ],
)
def test_paths_bind_what_they_say(edge: Edge, path: str, bound: str) -> None:
    answer = edge.http.post(path, content=b"") if path.endswith("token") else edge.http.get(path)
    body = answer.json()
    assert body.get("seen", body)["request"]["tenantId"] == bound


def test_a_colon_in_a_literal_segment_is_no_custom_verb(edge: Edge) -> None:
    assert edge.http.get("/cloudapi/1.0.0/preferences/internal:localLanguage").status_code == 200
    user = seen(edge.http.get("/cloudapi/1.0.0/users/urn:vcloud:user:1234"))
    assert user["request"] == {"userId": "urn:vcloud:user:1234"}


def test_only_public_documents_may_be_kept_and_only_when_they_are_there(edge: Edge) -> None:
    assert edge.http.get(KEYS).headers["cache-control"] == "public, max-age=300"
    assert edge.http.get(KEYS, headers=failing(404, "Not Found")).headers["cache-control"] == NO_STORE
    assert edge.http.post(KEYS).headers["cache-control"] == NO_STORE
    assert edge.http.get(SETTINGS).headers["cache-control"] == NO_STORE
    assert edge.http.post(TOKEN).headers["cache-control"] == NO_STORE


# Native gRPC, gRPC-Web


def call(edge: Edge, method: str, **arguments: Any) -> Any:
    """A native call through the public port with empty messages; returns the answer's bytes."""
    with grpc.insecure_channel(f"127.0.0.1:{edge.port}") as channel:
        rpc = channel.unary_unary(f"/dialects.v1.{method}", lambda data: data, lambda data: data)
        return rpc.with_call(b"", timeout=5, **arguments)


def test_native_grpc_passes_with_its_own_metadata_and_statuses(edge: Edge) -> None:
    trailing = answering(code="NOT_FOUND", message="in words", trailing=[["x-own", "1"]])
    with pytest.raises(grpc.RpcError) as refused:
        call(edge, "ManagementService/GetSettings", metadata=tuple(trailing.items()))
    assert (refused.value.code(), refused.value.details()) == (grpc.StatusCode.NOT_FOUND, "in words")
    assert ("x-own", "1") in refused.value.trailing_metadata()


def test_a_native_client_cannot_pass_for_rest(edge: Edge) -> None:
    forged = (("x-envoy-original-path", "/evil"), ("x-client-ip", "6.6.6.6"), ("x-http-error", "x"))
    data, _ = call(edge, "ManagementService/GetSettings", metadata=forged)
    assert b"/evil" not in data
    assert b"6.6.6.6" not in data
    assert b"x-client-ip" in data


def test_native_health_passes(edge: Edge) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{edge.port}") as channel:
        answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def web(edge: Edge, method: str, **headers: str) -> httpx.Response:
    """A gRPC-Web call with an empty message."""
    typed = {"content-type": "application/grpc-web+proto", "x-grpc-web": "1"} | headers
    return edge.http.post(f"/dialects.v1.{method}", content=b"\0" * 5, headers=typed)


def test_grpc_web_is_answered(edge: Edge) -> None:
    answer = web(edge, "ManagementService/GetSettings")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/grpc-web+proto"
    assert b"grpc-status:0" in answer.content


def test_grpc_web_crosses_origins_only_where_rest_does(edge: Edge) -> None:
    assert cors_headers(web(edge, "ManagementService/GetSettings", **ORIGIN)) == {}
    assert cors_headers(web(edge, "OauthService/Keys", **ORIGIN))["access-control-allow-origin"] == ORIGIN["origin"]
    asked = edge.http.options("/dialects.v1.OauthService/Keys", headers=PREFLIGHT)
    assert {"x-grpc-web", "grpc-timeout"} <= set(cors_headers(asked)["access-control-allow-headers"].split(", "))
    assert cors_headers(edge.http.options("/dialects.v1.ManagementService/GetSettings", headers=PREFLIGHT)) == {}


def test_rest_over_http2_without_tls(edge: Edge) -> None:
    with httpx.Client(http1=False, http2=True, base_url=f"http://127.0.0.1:{edge.port}") as client:
        answer = client.get(SETTINGS)
    assert (answer.http_version, answer.status_code) == ("HTTP/2", 200)


# Retries


@pytest.mark.parametrize(
    ("verb", "path", "times"),
    [("GET", SETTINGS, 4), ("HEAD", SETTINGS, 4), ("PUT", SETTINGS, 1), ("POST", TOKEN, 1),
     ("GET", "/management/v4/t1/logout", 1), ("GET", "/oauth/v4/t1/authorization", 1)],
)  # fmt: skip
def test_only_what_has_no_side_effects_is_sent_again(edge: Edge, verb: str, path: str, times: int) -> None:
    before = len(edge.servers[0].calls)
    edge.http.request(verb, path, headers=answering(code="UNAVAILABLE"), json={} if verb == "PUT" else None)
    assert len(edge.servers[0].calls) - before == times


def test_a_dead_worker_costs_no_request(opened: Callable[..., Edge]) -> None:
    edge = opened(workers=2)
    edge.servers[0].stop()

    def ask(times: int) -> set[int]:
        return {edge.http.put(SETTINGS, json={}).status_code for _ in range(times)}

    # Many at once: the other worker is busy and the dead one is not, so that the dead one is always the first choice.
    with ThreadPoolExecutor(16) as callers:
        assert set.union(*callers.map(ask, [25] * 16)) == {200}
