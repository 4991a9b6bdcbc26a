"""CSP. Errors are `{cspErrorCode, errorCode, message, moduleCode, statusCode}`; the request id is sent in a header.
Pages are asked for by pageStart and pageLimit."""

from __future__ import annotations

from google.protobuf.message import Message

from ostiary.errors import DomainError
from ostiary.http.paging import Page
from ostiary.transport.dialects.body import ErrorBody, json_body
from ostiary.transport.dialects.dialect import Dialect, given

USUAL = 20
"""Results of a page when the client does not say."""
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


def page_of(request: Message) -> Page:
    """The page that pageStart, from 1, and pageLimit name."""
    start, limit = given(request, "page_start"), given(request, "page_limit")
    return Page(1 if start is None else start, USUAL if limit is None else limit)


CSP = Dialect(render, page=page_of)
