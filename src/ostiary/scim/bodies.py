"""Bodies of requests and answers: SCIM JSON (RFC 7644 §3.1)."""

from __future__ import annotations

import json
from typing import Any

from google.api import httpbody_pb2

from ostiary.errors import DomainError, invalid
from ostiary.http.json_text import read_json

CONTENT_TYPE = "application/scim+json"
ERROR_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:Error"
_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


def as_body(document: dict[str, Any]) -> httpbody_pb2.HttpBody:
    """A SCIM answer."""
    return httpbody_pb2.HttpBody(content_type=CONTENT_TYPE, data=_encode(document).encode())


def error_document(error: DomainError) -> dict[str, Any]:
    """An error (RFC 7644 §3.12): `status` is a text there. scimType is a keyword of table 9, absent where none applies,
    as for most conflicts: `uniqueness` is said only of a value that is taken."""
    document = {"schemas": [ERROR_SCHEMA], "status": str(error.kind.value), "detail": error.message}
    kind = scim_type(error)
    return {**document, "scimType": kind} if kind else document


def scim_type(error: DomainError) -> str:
    """The detail error keyword of an error; empty where none applies."""
    return str(error.facts.get("scim_type", ""))


def read_body(body: httpbody_pb2.HttpBody) -> Any:
    """What a request says; raises UNSUPPORTED_CONTENT_TYPE, MALFORMED_JSON."""
    kind = body.content_type.partition(";")[0].strip().lower()
    if kind not in ("", CONTENT_TYPE, "application/json"):
        raise invalid("UNSUPPORTED_CONTENT_TYPE", f"Send the body as {CONTENT_TYPE}.", scim_type="invalidSyntax")
    try:
        return read_json(body.data)
    except DomainError as error:
        raise invalid(error.reason, error.message, scim_type="invalidSyntax") from error
