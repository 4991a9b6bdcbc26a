"""The gateway alone: other versions of HTTP, unusual methods, headers and upgrades, as proxies send them."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Callable

import grpc
import pytest
from kit.patience import awaited
from rest.edge import FAMILIES, KEYS, SETTINGS, Edge

CLOSE = "connection: close"


def asked(edge: Edge, line: str, *headers: str, body: bytes = b"") -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of what comes back for a request spelled out."""
    with socket.create_connection(("127.0.0.1", edge.port), timeout=10) as connection:
        connection.sendall("\r\n".join([line, *headers, "", ""]).encode() + body)
        answer = http.client.HTTPResponse(connection, method=line.split(maxsplit=1)[0])
        answer.begin()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()


# HTTP/1.0: nginx without proxy_http_version, HAProxy's check, ab


@pytest.mark.parametrize("headers", [(), ("host: id.example.com",), ("connection: close",)])
def test_http_1_0_is_answered_with_and_without_host_and_the_connection_ends(
    edge: Edge, headers: tuple[str, ...]
) -> None:
    status, fields, body = asked(edge, f"GET {SETTINGS} HTTP/1.0", *headers)
    assert (status, fields["connection"]) == (200, "close")
    assert int(fields["content-length"]) == len(body)
    assert json.loads(body)["name"] == "né"


def test_http_1_0_keeps_the_connection_where_it_is_asked_to(edge: Edge) -> None:
    one = f"GET {SETTINGS} HTTP/1.0\r\nconnection: keep-alive\r\n\r\n"
    answers = edge.raw(f"{one}{one}GET {KEYS} HTTP/1.0\r\n\r\n".encode())
    assert answers.count(b"HTTP/1.0 200 OK") == 3
    assert answers.count(b"connection: keep-alive") == 2


def test_http_1_0_gets_no_chunks(edge: Edge) -> None:
    status, fields, body = asked(
        edge, "GET /management/v4/t1/config/list HTTP/1.0", f"x-answer: {json.dumps({'count': 3})}"
    )
    assert (status, len(json.loads(body))) == (200, 3)
    assert "transfer-encoding" not in fields


def test_http_1_0_sends_bodies_and_gets_refusals_like_others(edge: Edge) -> None:
    typed = ("content-type: application/json", "content-length: 13")
    status, _, body = asked(edge, f"PUT {SETTINGS} HTTP/1.0", *typed, body=b'{"name": "a"}')
    assert (status, json.loads(body)["seen"]["request"]["settings"]) == (200, {"name": "a"})
    assert asked(edge, f"PATCH {SETTINGS} HTTP/1.0")[0] == 405
    assert asked(edge, "GET /nowhere HTTP/1.0")[0] == 404
    assert asked(edge, f"HEAD {SETTINGS} HTTP/1.0")[2] == b""


@pytest.mark.parametrize(
    "version", ["HTTP/0.9", "HTTP/1.2", "HTTP/2.0", "HTTP/3.0", "HTTP/9", "http/1.1", "ICY/1.0", ""]
)
def test_no_version_is_an_error_of_ours(edge: Edge, version: str) -> None:
    status, fields, body = asked(edge, f"GET {SETTINGS} {version}", "host: x", CLOSE)
    assert status in (200, 400), body
    assert fields["content-type"] == "application/json"


def test_a_request_line_alone_is_no_error_of_ours(edge: Edge) -> None:
    assert asked(edge, f"GET {SETTINGS}")[0] == 200


# The check of balancers


@pytest.mark.parametrize("line", ["OPTIONS / HTTP/1.0", "OPTIONS / HTTP/1.1"])
def test_a_balancer_may_ask_whether_to_send_requests(opened: Callable[..., Edge], line: str) -> None:
    edge = opened()
    status, fields, body = asked(edge, line, "host: x", CLOSE)
    assert (status, body) == (200, b"")
    assert not [name for name in fields if name.startswith("x-envoy-")]
    edge.admin.ask("/healthcheck/fail", "POST")
    assert asked(edge, line, "host: x", CLOSE)[0] == 503
    assert not [name for name in edge.http.get(SETTINGS).headers if name.startswith("x-envoy-")]


def test_a_balancer_hears_that_no_worker_is_there(opened: Callable[..., Edge]) -> None:
    edge = opened()
    edge.servers[0].stop()
    awaited(lambda: edge.admin.healthy_workers() == 0)
    assert asked(edge, "OPTIONS / HTTP/1.0")[0] == 503


# Methods


@pytest.mark.parametrize(
    "method", ["QUERY", "FOO", "query", "get", "Get", "PURGE", "PROPFIND", "LINK", "TRACE", "M-SEARCH", "X!"]
)
@pytest.mark.parametrize(("path", "family", "fields"), FAMILIES, ids=[family for _, family, _ in FAMILIES])
def test_every_other_method_is_405_with_allow(
    edge: Edge, method: str, path: str, family: str, fields: set[str]
) -> None:
    status, headers, body = asked(edge, f"{method} {path} HTTP/1.1", "host: x", CLOSE)
    assert status == 405
    assert json.loads(body).keys() == fields
    assert {"GET", "POST"} & set(headers["allow"].split(", "))


@pytest.mark.parametrize("headers", [(), ("content-type: application/json",)])
def test_query_of_an_unknown_path_is_404(edge: Edge, headers: tuple[str, ...]) -> None:
    assert asked(edge, "QUERY /nowhere?a=b HTTP/1.1", "host: x", CLOSE, *headers)[0] == 404
    assert asked(edge, f"QUERY {KEYS}?a=b HTTP/1.1", "host: x", CLOSE, *headers)[0] == 405


def test_connect_is_refused_at_once(edge: Edge) -> None:
    status, headers, _ = asked(edge, "CONNECT x.test:443 HTTP/1.1", "host: x.test:443", CLOSE)
    assert (status, headers["allow"]) == (405, "")


# Headers


@pytest.mark.parametrize("name", ["sfdc_stack_depth", "x_http_status", "X_Forwarded_For", "authorization_"])
def test_a_header_with_an_underscore_is_dropped(edge: Edge, name: str) -> None:
    status, _, body = asked(edge, f"GET {SETTINGS} HTTP/1.1", "host: x", f"{name}: 1", CLOSE)
    assert status == 200
    assert not [key for key in json.loads(body)["seen"]["metadata"] if "_" in key]


def test_metadata_with_an_underscore_is_dropped_and_the_call_answered(edge: Edge) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{edge.port}") as channel:
        call = channel.unary_unary("/dialects.v1.ManagementService/GetSettings")
        answer = call(b"", metadata=(("client_id", "a"), ("x-client-id", "b")), timeout=10)
    assert b"x-client-id" in answer
    assert b"client_id" not in answer


ODD = [*(f"x{mark}y" for mark in "!#$%&'*+^`|~"), "!", "x-trace-bin", "grpc-trace-bin", "-bin"]


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("value", ["1", "QUJD", "!!!", ""])
def test_a_header_that_cannot_be_metadata_is_dropped(edge: Edge, name: str, value: str) -> None:
    status, _, body = asked(edge, f"GET {SETTINGS} HTTP/1.1", "host: x", f"{name}: {value}", "x.y: kept", CLOSE)
    assert status == 200, body
    metadata = json.loads(body)["seen"]["metadata"]
    assert (name in metadata, metadata["x.y"]) == (False, "kept")


@pytest.mark.parametrize(
    "header",
    ["grpc-encoding: zstd", "grpc-encoding: gzip", "grpc-previous-rpc-attempts: x", "grpc-retry-pushback-ms: x",
     "grpc-internal-encoding-request: x", "grpc-timeout: soon", "grpc-accept-encoding: br", "grpc-status: 3",
     "grpc-message: x", "te: gzip", "x-name: zürich"],
)  # fmt: skip
def test_what_grpc_reads_as_its_own_may_come_from_rest(edge: Edge, header: str) -> None:
    status, _, body = asked(edge, f"GET {SETTINGS} HTTP/1.1", "host: x", header, CLOSE)
    assert status == 200, body
    sent = ("content-type: application/json", "content-length: 13", header, CLOSE)
    status, _, body = asked(edge, f"PUT {SETTINGS} HTTP/1.1", "host: x", *sent, body=b'{"name": "a"}')
    assert (status, json.loads(body)["seen"]["request"]["settings"]) == (200, {"name": "a"})


def test_binary_metadata_is_dropped_and_the_call_answered(edge: Edge) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{edge.port}") as channel:
        call = channel.unary_unary("/dialects.v1.ManagementService/GetSettings")
        answer = call(b"", metadata=(("grpc-tags-bin", b"a"), ("x-client-id", "b")), timeout=10)
    assert b"x-client-id" in answer
    assert b"tags-bin" not in answer


@pytest.mark.parametrize("upgrade", ["websocket", "TLS/1.2", "h2c", "HTTP/3.0, IRC/6.9"])
def test_an_upgrade_that_is_not_offered_is_ignored(edge: Edge, upgrade: str) -> None:
    offer = (f"upgrade: {upgrade}", "connection: upgrade")
    one = "\r\n".join([f"GET {SETTINGS} HTTP/1.1", "host: x", *offer, "", ""])
    two = "\r\n".join([f"GET {SETTINGS} HTTP/1.1", "host: x", CLOSE, "", ""])
    assert edge.raw((one + two).encode()).count(b"HTTP/1.1 200 OK") == 2


def test_too_many_headers_are_431_and_say_how_many_may_come(edge: Edge) -> None:
    status, _, body = asked(edge, f"GET {SETTINGS} HTTP/1.1", "host: x", *(f"a{n}: 1" for n in range(120)), CLOSE)
    assert status == 431
    assert "100 headers" in json.loads(body)["message"]


def test_an_unknown_transfer_coding_is_501(edge: Edge) -> None:
    status, _, body = asked(edge, f"PUT {SETTINGS} HTTP/1.1", "host: x", "transfer-encoding: gzip", CLOSE)
    assert (status, json.loads(body)["errorCode"]) == (501, "NOT_IMPLEMENTED")


def test_who_waits_for_continue_gets_it(edge: Edge) -> None:
    typed = ("content-type: application/json", "content-length: 2", "expect: 100-continue")
    answer = edge.raw("\r\n".join([f"PUT {SETTINGS} HTTP/1.1", "host: x", *typed, CLOSE, "", "{}"]).encode())
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")
