"""Errors of CSP: `{cspErrorCode, errorCode, message, moduleCode, statusCode}`; the request id is sent in a header."""

from __future__ import annotations

from ostiary.errors import DomainError
from ostiary.transport.families.body import ErrorBody, json_body

MODULE_CODE = 540
"""The vendor's number of its identity module; clients only log it."""


def render(error: DomainError, path: str) -> ErrorBody:
    """`cspErrorCode` is the reason in the vendor's dotted form."""
    status = error.kind.value
    return json_body(
        status,
        {
            "cspErrorCode": f"csp.{error.reason.lower().replace('_', '.')}",
            "errorCode": error.reason,
            "message": error.message,
            "moduleCode": MODULE_CODE,
            "statusCode": status,
        },
    )
