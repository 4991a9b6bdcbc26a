"""Errors of SCIM: RFC 7644 §3.12."""

from __future__ import annotations

from typing import Any

from ostiary.errors import DomainError
from ostiary.transport.families.body import ErrorBody, json_body

ERROR_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:Error"


def scim_type(error: DomainError) -> str:
    """The detail error keyword of RFC 7644 table 9; empty where none applies, as for most conflicts: `uniqueness`
    is said only of a value that is taken."""
    return str(error.facts.get("scim_type", ""))


def render(error: DomainError, path: str) -> ErrorBody:
    """`status` is a string there."""
    status = error.kind.value
    document: dict[str, Any] = {"schemas": [ERROR_SCHEMA], "status": str(status), "detail": error.message}
    kind = scim_type(error)
    if kind:
        document["scimType"] = kind
    return json_body(status, document, "application/scim+json")
