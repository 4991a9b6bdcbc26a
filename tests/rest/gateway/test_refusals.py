"""The gateway alone: errors of workers, and what Envoy answers by itself, in every dialect."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import grpc
import httpx
import pytest
from kit.platform import parsed
from rest.edge import FAMILIES, KEYS, SETTINGS, TOKEN, Edge, answering, failing, refused_by_grpc_web, seen

from ostiary.gateway.render import NO_STORE

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
    [
        ("INTERNAL", 500), ("UNKNOWN", 500), ("UNIMPLEMENTED", 501), ("RESOURCE_EXHAUSTED", 503), ("UNAVAILABLE", 503),
        ("CANCELLED", 503),  # of a worker that must end; a caller who cancels hears nothing
    ],
)  # fmt: skip
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


MESSAGE_LIMIT = 4 << 20
"""Bytes of a gRPC message, its five bytes of framing included, with the default limit of bodies."""


@pytest.mark.parametrize("over", [1, 46 << 20])
def test_a_native_message_too_large_is_resource_exhausted(edge: Edge, over: int) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{edge.port}") as channel:
        call = channel.unary_unary("/dialects.v1.ManagementService/PutSettings")
        with pytest.raises(grpc.RpcError) as refused:
            call(_message(MESSAGE_LIMIT - 5 + over), timeout=20)
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert refused.value.details() == "The message is larger than this server takes."
        assert call(_message(MESSAGE_LIMIT - 5), timeout=20)


def test_a_message_of_grpc_web_too_large_is_resource_exhausted(edge: Edge) -> None:
    message = _message(MESSAGE_LIMIT)
    framed = b"\0" + len(message).to_bytes(4) + message
    headers = {"content-type": "application/grpc-web+proto", "x-grpc-web": "1"}
    answer = edge.http.post("/dialects.v1.ManagementService/PutSettings", content=framed, headers=headers)
    refused_by_grpc_web(answer, 8, "The message is larger than this server takes.")


def _message(size: int) -> bytes:
    """So many bytes of a message: one field of another number than any has."""
    filler = size - 2 - 4
    length = bytes([filler & 127 | 128, filler >> 7 & 127 | 128, filler >> 14 & 127 | 128, filler >> 21])
    return b"\xfa\x01" + length + b"x" * filler


@PATHS
def test_headers_too_large_are_431(edge: Edge, path: str, family: str, fields: set[str]) -> None:
    told(edge.http.get(path, headers={"x-big": "a" * 70_000}), 431, family, fields)
    told(edge.http.get(f"{path}/none", headers={f"x-{number}": "a" for number in range(120)}), 431, family, fields)


def test_a_native_call_with_headers_too_large_is_refused(edge: Edge) -> None:
    """Up to 120 KiB are for the worker to judge. With more, Envoy may end the connection before it knows of a call."""
    headers = [(f"x-big-{number}", "a" * 10_000) for number in range(13)]
    with grpc.insecure_channel(f"127.0.0.1:{edge.port}") as channel, pytest.raises(grpc.RpcError) as refused:
        channel.unary_unary("/dialects.v1.ManagementService/PutSettings")(b"", metadata=headers, timeout=20)
    codes = (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNAVAILABLE)
    assert refused.value.code() in codes


ORG = b"/api/org/t1"
CLOSED = b"connection: close\r\n\r\n"
JSON = b" HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET " + ORG + b" HTTP/1.1\r\n" + CLOSED, 400),
        (b"GET /api/org/a%00b HTTP/1.1\r\nhost: x\r\n" + CLOSED, 400),
        (b"GET /api/nothing?x HTTP/1.1\r\n" + CLOSED, 400),
        (b"PUT " + ORG + JSON + b"content-length: 1\r\n" + CLOSED + b"{", 400),
        (b"GET /api/nothing HTTP/1.1\r\nhost: x\r\n" + CLOSED, 404),
        (b"DELETE " + ORG + b" HTTP/1.1\r\nhost: x\r\n" + CLOSED, 405),
        (b"PUT " + ORG + JSON + b"content-length: 9000000\r\n" + CLOSED, 413),
        (b"GET " + ORG + b"?" + b"a" * 70_000 + b" HTTP/1.1\r\nhost: x\r\n" + CLOSED, 431),
        (b"GET /api HTTP/1.1\r\nhost: x\r\nx: " + b"a" * 70_000 + b"\r\n" + CLOSED, 431),
        (b'GET ' + ORG + b' HTTP/1.1\r\nhost: x\r\nx-answer: {"code": "UNAVAILABLE"}\r\n' + CLOSED, 503),
        (b'GET ' + ORG + b' HTTP/1.1\r\nhost: x\r\nx-answer: {"code": "RESOURCE_EXHAUSTED"}\r\n' + CLOSED, 503),
        (b'GET ' + ORG + b' HTTP/1.1\r\nhost: x\r\nx-answer: {"sleep": 3}\r\n' + CLOSED, 504),
    ],
    ids=lambda value: str(value) if isinstance(value, int) else "",
)  # fmt: skip
def test_below_api_every_refusal_of_the_gateway_is_xml(edge: Edge, request_bytes: bytes, status: int) -> None:
    head, _, body = edge.raw(request_bytes).partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode()), head
    assert b"content-type: application/vnd.vmware.vcloud.error+xml" in head
    assert parsed(body).attrib["majorErrorCode"] == str(status)


def test_a_token_of_many_kilobytes_passes(edge: Edge) -> None:
    got = edge.http.get(SETTINGS, headers={"authorization": "Bearer " + "a" * 32_000})
    assert len(seen(got)["metadata"]["authorization"]) == 32_007


@pytest.mark.parametrize(
    "request_line",
    [
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
