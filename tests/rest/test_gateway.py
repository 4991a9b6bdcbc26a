"""The gateway alone: a real Envoy before a worker that answers as each request asks (`dialects.py`)."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from kit.ports import free_port
from rest.dialects import DialectsServer, compile_descriptors

from ostiary.gateway import envoy
from ostiary.gateway.operations import Interface, read_interface
from ostiary.gateway.render import HEALTH_SERVICE, NO_STORE, Gateway, render

SETTINGS = "/management/v4/t1/config/settings"
TOKEN = "/oauth/v4/t1/token"
KEYS = "/oauth/v4/t1/publickeys"


class Edge:
    """A running Envoy and the workers behind it."""

    def __init__(self, folder: Path, descriptors: bytes, interface: Interface, workers: int = 1, **given: Any) -> None:
        self.sockets = [folder / f"worker-{number}.sock" for number in range(workers)]
        self.servers = [DialectsServer(descriptors, f"unix:{path}", HEALTH_SERVICE) for path in self.sockets]
        self.port = free_port()
        self.log = folder / "envoy.log"
        self.admin = envoy.Admin(folder / "admin.sock")
        gateway = Gateway(
            f"127.0.0.1:{self.port}", [str(path) for path in self.sockets], folder / "admin.sock", request_seconds=2,
        )  # fmt: skip
        config = folder / "envoy.yaml"
        config.write_text(render(replace(gateway, **given), interface), encoding="utf-8")
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(envoy.command(config), stderr=log, env=envoy.environment())
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=10)
        self._wait(workers)

    def _wait(self, workers: int) -> None:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                if self.admin.healthy_workers() == workers:
                    return
            except OSError:
                assert self._process.poll() is None, self.log.read_text()
            time.sleep(0.02)
        raise AssertionError(self.log.read_text())

    def close(self) -> None:
        """Stops Envoy and the workers."""
        self.http.close()
        self._process.terminate()
        self._process.wait()
        for server in self.servers:
            server.stop()

    def raw(self, request: bytes) -> bytes:
        """What comes back for bytes that no HTTP library would send."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(request)
            answer = b""
            while chunk := connection.recv(65_536):
                answer += chunk
        return answer


@pytest.fixture(scope="module")
def descriptors(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return compile_descriptors(tmp_path_factory.mktemp("protos"))


@pytest.fixture(scope="module")
def interface(descriptors: bytes) -> Interface:
    return read_interface(descriptors)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory, descriptors: bytes, interface: Interface) -> Iterator[Callable]:
    """Opens further edges; all of them close with the module."""
    edges: list[Edge] = []

    def open_one(**given: Any) -> Edge:
        edges.append(Edge(tmp_path_factory.mktemp("edge"), descriptors, interface, **given))
        return edges[-1]

    yield open_one
    for edge in edges:
        edge.close()


@pytest.fixture(scope="module")
def edge(opened: Callable[..., Edge]) -> Edge:
    return opened()


def answering(**wanted: Any) -> dict[str, str]:
    """The header that tells the worker what to answer."""
    return {"x-answer": json.dumps(wanted)}


def failing(status: int, text: str, content_type: str = "application/json", code: str = "NOT_FOUND") -> dict[str, str]:
    """An error as the pipeline sends it."""
    trailing = [["x-http-status", str(status)], ["x-http-content-type", content_type], ["x-http-error", text]]
    return answering(code=code, message="internal words", trailing=trailing)


def seen(answer: httpx.Response) -> Any:
    return answer.json()["seen"]


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


# What a worker's errors look like


@pytest.mark.parametrize(
    ("status", "content_type", "body"),
    [
        (404, "text/plain; charset=utf-8", "Not Found"),
        (400, "application/scim+json", '{"detail":"\\u00e9\\n\\"quoted\\""}'),
        (409, "application/json", json.dumps({"message": "x" * 8_000})),
        (422, "application/problem+json", "{}"),
        (503, "application/json", "{}"),
    ],
)
def test_a_worker_words_its_own_errors(edge: Edge, status: int, content_type: str, body: str) -> None:
    answer = edge.http.get(SETTINGS, headers=failing(status, body, content_type))
    assert (answer.status_code, answer.headers["content-type"], answer.text) == (status, content_type, body)
    assert answer.headers["cache-control"] == NO_STORE


def test_headers_of_an_error_pass(edge: Edge) -> None:
    trailing = [["x-http-status", "429"], ["x-http-content-type", "a/b"], ["x-http-error", "{}"], ["retry-after", "9"]]
    answer = edge.http.get(SETTINGS, headers=answering(code="RESOURCE_EXHAUSTED", trailing=trailing))
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "9")


@pytest.mark.parametrize(
    ("code", "status"),
    [("INTERNAL", 500), ("UNKNOWN", 500), ("UNIMPLEMENTED", 501), ("RESOURCE_EXHAUSTED", 503), ("UNAVAILABLE", 503)],
)
@pytest.mark.parametrize("early", [False, True])
def test_a_bare_status_is_worded_by_the_family_and_says_nothing_else(
    edge: Edge, code: str, status: int, early: bool
) -> None:
    wanted = answering(code=code, message="/secret/path", **({"initial": [["x-early", "1"]]} if early else {}))
    answer = edge.http.post(TOKEN, content=b"{}", headers=wanted)
    assert answer.status_code == status
    assert answer.json().keys() >= {"error", "error_description"}
    assert "secret" not in answer.text


# What Envoy answers by itself, in every dialect

FAMILIES = [
    (SETTINGS, "appid", {"errorCode", "message"}),
    ("/management/v4/t1/cloud_directory/Users", "appid_users", {"errorCode", "message", "detail", "status", "schemas"}),
    (KEYS, "oauth", {"error", "error_description"}),
    ("/identity/token", "iam", {"errorCode", "errorMessage"}),
    ("/scim/v2/Users/u1", "scim", {"schemas", "status", "detail"}),
    ("/csp/gateway/am/api/orgs/t1", "csp", {"cspErrorCode", "errorCode", "message", "moduleCode", "statusCode"}),
    ("/cloudapi/1.0.0/users/u1", "cloudapi", {"minorErrorCode", "message", "stackTrace"}),
]
PATHS = pytest.mark.parametrize(("path", "family", "fields"), FAMILIES, ids=[family for _, family, _ in FAMILIES])


def told(answer: httpx.Response, status: int, family: str, fields: set[str]) -> None:
    """Holds when an answer is an error in its family's shape, which says its status wherever the shape has a place."""
    assert answer.status_code == status
    expected = "application/scim+json" if family == "scim" else "application/json"
    assert answer.headers["content-type"] == expected
    body = answer.json()
    assert body.keys() == fields
    assert str(body.get("status", body.get("statusCode", status))) == str(status)
    assert answer.headers["cache-control"] == NO_STORE


@PATHS
def test_an_unknown_path_is_404(edge: Edge, path: str, family: str, fields: set[str]) -> None:
    told(edge.http.get(f"{path}/no/such/path"), 404, family, fields)


@PATHS
def test_a_wrong_verb_is_405_with_allow(edge: Edge, path: str, family: str, fields: set[str]) -> None:
    answer = edge.http.patch(path, json={})
    told(answer, 405, family, fields)
    allowed = answer.headers["allow"].split(", ")
    assert "PATCH" not in allowed
    assert {"GET", "POST"} & set(allowed)


@PATHS
def test_a_repeated_path_parameter_is_400(edge: Edge, path: str, family: str, fields: set[str]) -> None:
    if family == "iam":
        path, field = TOKEN, "tenantId"
        family, fields = "oauth", FAMILIES[2][2]
    else:
        field = "user_id" if "u1" in path else "tenant_id"
    verb = "POST" if family == "appid_users" or path == TOKEN else "GET"
    told(edge.http.request(verb, path, params={field: "evil"}), 400, family, fields)


@pytest.mark.parametrize(
    "query",
    ["tenant_id=evil", "tenantId=evil", "a=1&tenantId=e", "tenant%49d=e", "tenant_id", "%74enant_id=e", "TENANT"],
)
def test_no_spelling_of_a_path_parameter_in_the_query_reaches_the_operation(edge: Edge, query: str) -> None:
    answer = edge.http.get(f"{SETTINGS}?{query}")
    if answer.status_code == 200:
        assert seen(answer)["request"] == {"tenantId": "t1"}
    else:
        assert (answer.status_code, answer.json()["errorCode"]) == (400, "REPEATED_PARAMETER")
        assert query != "TENANT"


def test_a_body_cannot_overwrite_what_the_path_binds(edge: Edge) -> None:
    body = seen(edge.http.put(SETTINGS, json={"tenant_id": "evil", "tenantId": "evil"}))
    assert body["request"].get("tenantId") == "t1"


@pytest.mark.parametrize("body", ["{bad secret", '{"name": 1.5.5, secret}', "[secret]", '"secret"', "\xff\xfe secret"])
def test_malformed_json_is_400_and_never_echoed(edge: Edge, body: str) -> None:
    answer = edge.http.put(SETTINGS, content=body.encode("latin-1"), headers={"content-type": "application/json"})
    told(answer, 400, "appid", {"errorCode", "message"})
    assert "secret" not in answer.text
    assert answer.json()["errorCode"] == "MALFORMED_REQUEST"


@pytest.mark.parametrize(
    ("query", "body", "field"),
    [
        ("?pageSize=secret", None, "pageSize"),
        ("?page_size=secret", None, "pageSize"),
        ("", {"count": "secret"}, "count"),
        ("", {"shown": "secret"}, "shown"),
        ("", {"inner": {"deepCount": "secret"}}, "inner.deepCount"),
        ("", {"inner": {"deep_count": "secret"}}, "inner.deepCount"),
    ],
)
def test_a_value_of_the_wrong_type_is_400_and_names_the_field_only(
    edge: Edge, query: str, body: object, field: str
) -> None:
    answer = edge.http.put(SETTINGS, json=body) if body else edge.http.get(SETTINGS + query)
    told(answer, 400, "appid", {"errorCode", "message"})
    assert answer.json() == {"errorCode": "INVALID_FIELD", "message": f"{field} has a value of the wrong type."}
    assert "secret" not in answer.text


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(("path", "verb", "family"), [(SETTINGS, "PUT", "appid"), (TOKEN, "POST", "oauth")])
def test_a_body_too_large_is_413(edge: Edge, path: str, verb: str, family: str, chunked: bool) -> None:
    body = b'{"name": "' + b"a" * (1 << 20) + b'"}'
    content: Any = iter([body[: 1 << 19], body[1 << 19 :]]) if chunked else body
    answer = edge.http.request(verb, path, content=content, headers={"content-type": "application/json"})
    told(answer, 413, family, next(fields for _, name, fields in FAMILIES if name == family))


def test_a_body_of_just_the_limit_passes(edge: Edge) -> None:
    answer = edge.http.post(TOKEN, content=b"a" * (1 << 20), headers={"content-type": "text/plain"})
    assert answer.status_code == 200


def test_headers_too_large_are_431(edge: Edge) -> None:
    told(edge.http.get(SETTINGS, headers={"x-big": "a" * 70_000}), 431, "appid", {"errorCode", "message"})


def test_a_token_of_many_kilobytes_passes(edge: Edge) -> None:
    got = edge.http.get(SETTINGS, headers={"authorization": "Bearer " + "a" * 32_000})
    assert len(seen(got)["metadata"]["authorization"]) == 32_007


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET / HTTP/1.1\r\nhost: x\r\nx_under: 1\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"GET /%zz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"POST /identity/token HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
    ],
)
def test_broken_http_is_400_and_not_a_word_of_it_comes_back(edge: Edge, request_line: bytes) -> None:
    head, _, body = edge.raw(request_line).partition(b"\r\n\r\n")
    assert head.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 404 "))
    if body:
        assert json.loads(body).keys() == {"errorCode", "message"}


def test_a_slow_answer_is_504(edge: Edge) -> None:
    told(edge.http.get(KEYS, headers=answering(sleep=3)), 504, "oauth", {"error", "error_description"})


def test_a_worker_knows_how_long_it_may_take(edge: Edge) -> None:
    assert 0 < seen(edge.http.get(SETTINGS, headers={"grpc-timeout": "99H"}))["seconds"] <= 2


def test_without_workers_it_is_503_with_retry_after(opened: Callable[..., Edge]) -> None:
    edge = opened()
    edge.servers[0].stop()
    for path, family, fields in FAMILIES:
        answer = edge.http.request("POST" if family in ("iam", "appid_users") else "GET", path)
        told(answer, 503, family, fields)
        assert int(answer.headers["retry-after"]) > 0


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


ORIGIN = {"origin": "https://app.test"}
PREFLIGHT = ORIGIN | {"access-control-request-method": "POST", "access-control-request-headers": "x-filter-type"}


def cors_headers(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}


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
    settle = time.monotonic() + 5
    while edge.log.read_text().count('"route":"/management/**"') < 2 and time.monotonic() < settle:
        time.sleep(0.05)
    log = edge.log.read_text()
    assert log.count('"route":"/management/**"') >= 2
    assert "secret" not in log
    assert "script log" not in log, "the Lua filter failed"


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
    statuses = [edge.http.put(SETTINGS, json={}).status_code for _ in range(200)]
    assert set(statuses) == {200}
