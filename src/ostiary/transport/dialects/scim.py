"""SCIM. Errors: RFC 7644 §3.12; pages: §3.4.2.4."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from ostiary.errors import DomainError
from ostiary.http.paging import Page
from ostiary.transport.dialects.body import ErrorBody, json_body
from ostiary.transport.dialects.cloudapi import TENANT_CONTEXT, TENANT_PREFIX
from ostiary.transport.dialects.dialect import Dialect, given

USUAL, MOST = 100, 128
"""Resources of a page: when the client does not say, and at most."""
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


def page_of(request: Message) -> Page:
    """The page that startIndex and count name; what is out of bounds means the nearest bound (RFC 7644 §3.4.2.4)."""
    count = given(request, "count")
    size = USUAL if count is None else min(max(0, count), MOST)
    return Page(max(1, int(request.start_index)), size)  # type: ignore[attr-defined] # each list request has it


SCIM = Dialect(render, tenant_header=TENANT_CONTEXT, tenant_prefix=TENANT_PREFIX, page=page_of)
