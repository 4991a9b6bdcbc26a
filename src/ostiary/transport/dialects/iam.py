"""Errors of IBM IAM: `{errorCode, errorMessage}`."""

from __future__ import annotations

from ostiary.errors import DomainError
from ostiary.transport.dialects.body import ErrorBody, json_body
from ostiary.transport.dialects.dialect import Dialect


def render(error: DomainError, path: str) -> ErrorBody:
    """A bad API key is 400 there."""
    return json_body(error.kind.value, {"errorCode": error.reason, "errorMessage": error.message})


IAM = Dialect(render)
