"""The gateway alone: what gRPC and gRPC-Web clients see of what Envoy refuses, and the encodings that they may use."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable

import grpc
import httpx
import pytest
from kit.patience import awaited
from rest.edge import ORIGIN, Edge, answering, refused_by_grpc_web

METHOD = "/dialects.v1.ManagementService/PutSettings"
EMPTY = b"\0" * 5
WEB = [
    "application/grpc-web",
    "application/grpc-web+proto",
    "application/grpc-web-text",
    "application/grpc-web-text+proto",
]


def web(edge: Edge, content_type: str, path: str = METHOD, **headers: str) -> httpx.Response:
    """A call with an empty message."""
    framed = base64.b64encode(EMPTY) if "text" in content_type else EMPTY
    return edge.http.post(
        path, content=framed, headers={"content-type": content_type, "accept": content_type} | headers
    )


@pytest.mark.parametrize("content_type", WEB)
def test_without_workers_grpc_web_is_unavailable_in_its_own_way(opened: Callable[..., Edge], content_type: str) -> None:
    edge = opened()
    edge.servers[0].stop()
    awaited(lambda: edge.admin.healthy_workers() == 0)
    refused_by_grpc_web(web(edge, content_type), 14, "The server cannot answer at the moment; repeat soon.")
    awaited(lambda: '"route":"grpc-web"' in edge.log.read_text())  # what Envoy refuses is logged


def test_without_workers_native_grpc_is_unavailable_in_the_same_words(opened: Callable[..., Edge]) -> None:
    edge = opened()
    edge.servers[0].stop()
    with grpc.insecure_channel(f"127.0.0.1:{edge.port}") as channel, pytest.raises(grpc.RpcError) as refused:
        channel.unary_unary(METHOD)(b"", timeout=10)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert refused.value.details() == "The server cannot answer at the moment; repeat soon."


def test_broken_http_is_said_as_grpc_web(edge: Edge) -> None:
    head = f"POST {METHOD}#fragment HTTP/1.1\r\nhost: x\r\ncontent-type: application/grpc-web+proto\r\n"
    answer = edge.raw(f"{head}content-length: 5\r\nconnection: close\r\n\r\n".encode() + EMPTY).lower()
    assert answer.startswith(b"http/1.1 200 ok")
    assert b"grpc-status: 3\r\ngrpc-message: the request is not valid http, or its body no grpc-web.\r\n" in answer
    assert b"content-type: application/grpc-web+proto\r\n" in answer


def test_a_grpc_web_call_that_takes_too_long_is_deadline_exceeded(edge: Edge) -> None:
    answer = web(edge, WEB[1], **{"grpc-timeout": "300m"}, **answering(sleep=3))
    assert (answer.status_code, answer.headers["grpc-status"]) == (200, "4")


@pytest.mark.parametrize("content_type", WEB)
def test_every_spelling_of_grpc_web_is_answered(edge: Edge, content_type: str) -> None:
    answer = web(edge, content_type)
    assert (answer.status_code, "grpc-status" in answer.headers) == (200, False)
    body = b"".join(map(base64.b64decode, _pieces(answer.content))) if "text" in content_type else answer.content
    assert b"grpc-status:0" in body


def _pieces(text: bytes) -> list[bytes]:
    """Base64 whose padding may stand in the middle, since each frame is encoded by itself."""
    return re.findall(rb"[^=]+={0,2}", text)


@pytest.mark.parametrize("content_type", ["application/proto", "application/json", "application/connect+proto"])
def test_a_client_of_connects_own_protocol_hears_what_is_spoken(edge: Edge, content_type: str) -> None:
    headers = {"content-type": content_type, "connect-protocol-version": "1"}
    answer = edge.http.post(METHOD, content=b"{}", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (501, "unimplemented")
    assert "gRPC-Web" in answer.json()["message"]


OTHERS = [
    "application/grpc+json", "application/grpc-web+json", "application/grpc-web-text+json", "application/grpc+thrift",
    "application/grpc-web+json; charset=utf-8", "application/grpc; charset=utf-8", "application/grpcs",
    "application/grpc-web-texts",     "application/grpc+protobuf",
]  # fmt: skip


@pytest.mark.parametrize("path", [METHOD, "/identity/token", "/nowhere"])
@pytest.mark.parametrize("content_type", OTHERS)
def test_another_encoding_is_415_and_no_worker_is_asked(edge: Edge, content_type: str, path: str) -> None:
    before = len(edge.servers[0].calls)
    answer = edge.http.post(path, content=b"\0\0\0\0\2{}", headers=ORIGIN | {"content-type": content_type})
    assert (answer.status_code, len(edge.servers[0].calls)) == (415, before)
    assert "grpc-status" not in answer.headers


@pytest.mark.parametrize("method", ["GET", "PUT", "QUERY", "FOO"])
@pytest.mark.parametrize("content_type", ["application/grpc", *WEB])
def test_another_method_is_405_and_no_worker_is_asked(edge: Edge, method: str, content_type: str) -> None:
    before = len(edge.servers[0].calls)
    answer = edge.http.request(method, METHOD, headers={"content-type": content_type})
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert len(edge.servers[0].calls) == before
    assert "grpc-status" not in answer.headers


def test_base64_that_is_none_is_the_clients_fault(edge: Edge) -> None:
    headers = {"content-type": "application/grpc-web-text", "accept": "application/grpc-web-text"}
    answer = edge.http.post(METHOD, content=b"!!!!", headers=headers)
    refused_by_grpc_web(answer, 3, "The request is not valid HTTP, or its body no gRPC-Web.")


def test_a_native_client_of_another_encoding_hears_415(edge: Edge) -> None:
    with httpx.Client(http1=False, http2=True, base_url=f"http://127.0.0.1:{edge.port}") as client:
        answer = client.post(METHOD, content=EMPTY, headers={"content-type": "application/grpc+json", "te": "trailers"})
    assert answer.status_code == 415


@pytest.mark.parametrize("content_type", ["application/grpc", "application/grpc+proto"])
@pytest.mark.parametrize("http2", [False, True])
def test_native_grpc_that_lost_its_trailers_on_the_way_is_told_so(edge: Edge, content_type: str, http2: bool) -> None:
    before = len(edge.servers[0].calls)
    with httpx.Client(http1=not http2, http2=http2, base_url=f"http://127.0.0.1:{edge.port}") as client:
        answer = client.post(METHOD, content=EMPTY, headers={"content-type": content_type})
    assert (answer.status_code, answer.headers["grpc-status"], answer.content) == (200, "12", b"")
    assert "te: trailers" in answer.headers["grpc-message"]
    assert answer.headers["content-type"] == "application/grpc"
    assert len(edge.servers[0].calls) == before


def test_native_grpc_with_its_trailers_is_answered(edge: Edge) -> None:
    with httpx.Client(http1=False, http2=True, base_url=f"http://127.0.0.1:{edge.port}") as client:
        answer = client.post(METHOD, content=EMPTY, headers={"content-type": "application/grpc", "te": "trailers"})
    assert (answer.status_code, answer.content[:1]) == (200, b"\0")
