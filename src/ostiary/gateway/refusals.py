"""Refusals that the gateway answers by itself, in every dialect, written by the same renderers as all other errors."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from grpc import StatusCode

from ostiary.errors import DomainError, Kind
from ostiary.transport.dialects import DIALECTS
from ostiary.transport.dialects.cloudapi import NO_SUCH_PATH
from ostiary_api.options.v1 import rules_pb2 as options

MAX_HEADERS = 100
MAX_HEADERS_KIB = 60
"""The limit of a request's headers, its path included. A worker accepts a little more (`MAX_METADATA`), for what the
gateway adds."""
FIELD = "@field@"
"""The placeholder in a message for the name of a request field, which the gateway fills in."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that Envoy gives without asking a worker. `name` is how the Lua filter calls it: the HTTP status,
    unless several refusals have the same.
    """

    name: str
    kind: Kind
    reason: str
    message: str


REFUSALS = (
    Refusal(
        "malformed", Kind.INVALID, "MALFORMED_REQUEST",
        "The body is not the JSON that this operation takes; it must be one value of JSON, in UTF-8.",
    ),
    Refusal("twice", Kind.INVALID, "MALFORMED_REQUEST", "The body has an object with the same name twice."),
    Refusal("field", Kind.INVALID, "INVALID_FIELD", f"{FIELD} has a value of the wrong type."),
    Refusal("repeated", Kind.INVALID, "REPEATED_PARAMETER", "The query repeats a parameter that the path holds."),
    Refusal("again", Kind.INVALID, "REPEATED_PARAMETER", f"{FIELD} is sent more than once; it takes one value."),
    Refusal("400", Kind.INVALID, "BAD_REQUEST", "The request is not valid HTTP."),
    Refusal("401", Kind.UNAUTHENTICATED, "UNAUTHENTICATED", "Credentials are missing or no longer good."),
    Refusal("403", Kind.DENIED, "FORBIDDEN", "Not allowed."),
    Refusal("404", Kind.NOT_FOUND, NO_SUCH_PATH, "There is no such path."),
    Refusal("405", Kind.METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", "The path does not take this method; see Allow."),
    Refusal("408", Kind.REQUEST_TIMEOUT, "REQUEST_TIMEOUT", "The request did not arrive in time."),
    Refusal("409", Kind.CONFLICT, "CONFLICT", "Another change came first; read again and repeat."),
    Refusal("413", Kind.TOO_LARGE, "BODY_TOO_LARGE", "The body is larger than this server takes."),
    Refusal(
        "415", Kind.UNSUPPORTED_TYPE, "UNSUPPORTED_ENCODING",
        "This server speaks gRPC and gRPC-Web in protobuf only: application/grpc, application/grpc-web+proto.",
    ),
    Refusal("429", Kind.LIMITED, "TOO_MANY_REQUESTS", "Too many requests from this address; wait and repeat."),
    Refusal(
        "431", Kind.HEADERS_TOO_LARGE, "HEADERS_TOO_LARGE",
        f"The headers, or the path with its query, are larger than this server takes: {MAX_HEADERS_KIB} KiB in "
        f"{MAX_HEADERS} headers.",
    ),
    Refusal("500", Kind.INTERNAL, "INTERNAL_ERROR", "Internal error."),
    Refusal("501", Kind.UNIMPLEMENTED, "NOT_IMPLEMENTED", "This server does not offer what the request asks for."),
    Refusal("503", Kind.UNAVAILABLE, "UNAVAILABLE", "The server cannot answer at the moment; repeat soon."),
    Refusal("504", Kind.DEADLINE_EXCEEDED, "TIMEOUT", "The answer took too long."),
)  # fmt: skip

GRPC_CODES = {
    400: StatusCode.INVALID_ARGUMENT,
    403: StatusCode.PERMISSION_DENIED,
    404: StatusCode.UNIMPLEMENTED,
    405: StatusCode.UNIMPLEMENTED,
    408: StatusCode.DEADLINE_EXCEEDED,
    413: StatusCode.RESOURCE_EXHAUSTED,
    431: StatusCode.RESOURCE_EXHAUSTED,
    500: StatusCode.INTERNAL,
    501: StatusCode.UNIMPLEMENTED,
    502: StatusCode.UNAVAILABLE,
    503: StatusCode.UNAVAILABLE,
    504: StatusCode.DEADLINE_EXCEEDED,
}
"""The gRPC status for each HTTP status with which Envoy refuses, for gRPC and gRPC-Web; 415 stays, as gRPC over HTTP/2
requires."""
_GRPC_WORDS = {
    400: "The request is not valid HTTP, or its body no gRPC-Web.",
    404: "There is no such method.",
    413: "The message is larger than this server takes.",
}
_SAME_WORDS = {502: "503"}
"""The status whose answer the Lua filter uses for a status that has no row of its own."""


def grpc_refusals() -> Iterable[tuple[int, int, str]]:
    """HTTP status, gRPC status and grpc-message (ASCII) of what Envoy refuses."""
    words = {refusal.name: refusal.message for refusal in REFUSALS}
    for status, code in GRPC_CODES.items():
        name = _SAME_WORDS.get(status, str(status))
        yield status, code.value[0], _GRPC_WORDS.get(status, words[name])


@dataclass(frozen=True, slots=True)
class RefusalResponse:
    """A refusal as a client of one dialect sees it."""

    status: int
    content_type: str
    body: str


CONNECT = RefusalResponse(
    501,
    "application/json",
    json.dumps({
        "code": "unimplemented",
        "message": "Connect's own protocol is not spoken here: call by gRPC or gRPC-Web (buf curl --protocol grpc; "
        "createGrpcTransport, createGrpcWebTransport).",
    }),
)  # fmt: skip
"""The answers for clients of the Connect protocol, in its shape of errors."""


def answers(family: options.ErrorFamily.ValueType, path: str) -> Iterable[tuple[str, RefusalResponse]]:
    """Returns every refusal by its name, in the words that `family` uses at `path`."""
    for refusal in REFUSALS:
        yield refusal.name, _answer(refusal, family, path)


def _answer(refusal: Refusal, family: options.ErrorFamily.ValueType, path: str) -> RefusalResponse:
    render = DIALECTS[family].render
    body = render(DomainError(refusal.kind, refusal.reason, refusal.message), path)
    return RefusalResponse(body.status, body.content_type, body.text)
