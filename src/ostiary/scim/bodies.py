"""Bodies of requests and answers: SCIM JSON (RFC 7644 §3.1)."""

from __future__ import annotations

import json
from typing import Any

from google.api import httpbody_pb2

from ostiary.errors import DomainError, invalid
from ostiary.http.json_text import read_json

CONTENT_TYPE = "application/scim+json"
_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


def as_body(document: dict[str, Any]) -> httpbody_pb2.HttpBody:
    """A SCIM answer."""
    return httpbody_pb2.HttpBody(content_type=CONTENT_TYPE, data=_encode(document).encode())


def read_body(body: httpbody_pb2.HttpBody) -> Any:
    """What a request says; raises UNSUPPORTED_CONTENT_TYPE, MALFORMED_JSON."""
    kind = body.content_type.partition(";")[0].strip().lower()
    if kind not in ("", CONTENT_TYPE, "application/json"):
        raise invalid("UNSUPPORTED_CONTENT_TYPE", f"Send the body as {CONTENT_TYPE}.", scim_type="invalidSyntax")
    try:
        return read_json(body.data)
    except DomainError as error:
        raise invalid(error.reason, error.message, scim_type="invalidSyntax") from error
