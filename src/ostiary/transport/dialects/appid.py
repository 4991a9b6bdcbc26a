"""App ID. Errors are `{errorCode, message}`; on cloud_directory paths also SCIM's fields, which its SDK reads. Pages
are asked for by startIndex and count."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from ostiary.errors import DomainError
from ostiary.http.paging import Page
from ostiary.scim.bodies import ERROR_SCHEMA, scim_type
from ostiary.transport.dialects.body import ErrorBody, json_body
from ostiary.transport.dialects.dialect import Dialect, given

MOST = 100
"""Entries of a page: as many as a client may ask for, and gets when it does not say."""


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


def page_of(request: Message, most: int = MOST) -> Page:
    """The page of a list that has at most `most` entries in one, which the bounds of `count` say too.

    Entries count from 1; what is less means 1 (RFC 7644 §3.4.2.4), since clients that count from 0 ask for 0 first.
    """
    has_start = "start_index" in request.DESCRIPTOR.fields_by_name
    start, count = given(request, "start_index") if has_start else None, given(request, "count")
    said = {"startIndex": start, "count": count}
    asked = {name: number for name, number in said.items() if number is not None}
    return Page(max(start or 1, 1), most if count is None else count, asked)


APPID = Dialect(render, page=page_of)
