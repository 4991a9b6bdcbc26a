"""Errors of App ID: `{errorCode, message}`; on cloud_directory paths also SCIM's fields, which its SDK reads."""

from __future__ import annotations

from typing import Any

from ostiary.errors import DomainError
from ostiary.transport.families.body import ErrorBody, json_body
from ostiary.transport.families.scim import ERROR_SCHEMA, scim_type


def render(error: DomainError, path: str) -> ErrorBody:
    """An unknown tenant is the plain text that the vendor answers; everything else is JSON."""
    if error.reason == "TENANT_NOT_FOUND":
        return ErrorBody(404, "text/plain; charset=utf-8", "Not Found")
    status = error.kind.value
    document: dict[str, Any] = {"errorCode": error.reason, "message": error.message}
    if path.startswith("/management/") and path.split("/")[4:5] == ["cloud_directory"]:
        document |= {"schemas": [ERROR_SCHEMA], "status": str(status), "detail": error.message}
        kind = scim_type(error)
        document |= {"scimType": kind} if kind else {}
    return json_body(status, document)
