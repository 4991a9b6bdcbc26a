"""JSON answers without a fixed form: the gateway must pass them on unchanged."""

from __future__ import annotations

from typing import Any

from google.api import httpbody_pb2

from ostiary.http.json_text import write_json


def json_body(document: Any) -> httpbody_pb2.HttpBody:
    """The document as a body, with exact numbers and the order of keys kept."""
    return httpbody_pb2.HttpBody(content_type="application/json", data=write_json(document).encode())
