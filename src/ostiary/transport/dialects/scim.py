"""SCIM. Errors: RFC 7644 §3.12; pages: §3.4.2.4."""

from __future__ import annotations

from google.protobuf.message import Message

from ostiary.errors import DomainError
from ostiary.http.paging import Page
from ostiary.scim.bodies import CONTENT_TYPE, error_document
from ostiary.transport.dialects.body import ErrorBody, json_body
from ostiary.transport.dialects.cloudapi import TENANT_CONTEXT, TENANT_PREFIX
from ostiary.transport.dialects.dialect import Dialect, given

USUAL, MOST = 100, 128
"""Resources of a page: when the client does not say, and at most."""


def render(error: DomainError, path: str) -> ErrorBody:
    """Writes an error as it is written in the answers of a bulk request, too."""
    return json_body(error.kind.value, error_document(error), CONTENT_TYPE)


def page_of(request: Message) -> Page:
    """The page that startIndex and count name; what is out of bounds means the nearest bound (RFC 7644 §3.4.2.4)."""
    count = given(request, "count")
    size = USUAL if count is None else min(max(0, count), MOST)
    return Page(max(1, int(request.start_index)), size)  # type: ignore[attr-defined] # each list request has it


SCIM = Dialect(render, tenant_header=TENANT_CONTEXT, tenant_prefix=TENANT_PREFIX, page=page_of)
