"""Cloud Director (cloudapi). Errors are `{minorErrorCode, message, stackTrace}`, with a stack trace of null; the
version is in Accept, the tenant in a header; pages are asked for by page and pageSize."""

from __future__ import annotations

from google.protobuf.message import Message

from ostiary.errors import DomainError, Kind
from ostiary.http.paging import Page
from ostiary.transport.dialects.body import ErrorBody, json_body
from ostiary.transport.dialects.cloudapi_versions import refuse_unknown_version
from ostiary.transport.dialects.dialect import Dialect, given

TENANT_CONTEXT, TENANT_PREFIX = "x-vmware-vcloud-tenant-context", "urn:vcloud:org:"
NO_SUCH_PATH = "PATH_NOT_FOUND"
"""The reason of the refusal of a path that no operation has."""
USUAL = 25
"""Results of a page when the client does not say."""
_MINOR_CODES = {
    Kind.INVALID: "BAD_REQUEST",
    Kind.UNAUTHENTICATED: "UNAUTHORIZED",
    Kind.DENIED: "ACCESS_TO_RESOURCE_IS_FORBIDDEN",
    Kind.NOT_FOUND: "ACCESS_TO_RESOURCE_IS_FORBIDDEN",
    Kind.NOT_ACCEPTABLE: "NOT_ACCEPTABLE",
    Kind.CONFLICT: "DUPLICATE_NAME",
    Kind.LIMITED: "TOO_MANY_REQUESTS",
    Kind.UNAVAILABLE: "SERVICE_UNAVAILABLE",
}
_OF_THE_SERVER = {NO_SUCH_PATH: "NOT_FOUND", "PREFERENCE_NOT_FOUND": "NOT_FOUND", "CONFLICT": "CONFLICT"}
"""Reasons that keep their status: they are about the server, and of nobody's entities."""
_STATUSES = {Kind.NOT_FOUND: Kind.DENIED.value, Kind.CONFLICT: Kind.INVALID.value}


def told(error: DomainError) -> tuple[int, str, str]:
    """Status, minor code and message. An entity that does not exist is 403 there, the same as one that the caller may
    not see; that a path does not exist is no secret. A name that is taken is 400, like every fault of the caller."""
    if error.reason in _OF_THE_SERVER:
        return error.kind.value, _OF_THE_SERVER[error.reason], error.message
    status = _STATUSES.get(error.kind, error.kind.value)
    message = error.message if error.kind is not Kind.NOT_FOUND else "The entity does not exist or may not be seen."
    minor = _MINOR_CODES.get(error.kind, "BAD_REQUEST" if status < Kind.INTERNAL.value else "INTERNAL_SERVER_ERROR")
    return status, minor, message


def render(error: DomainError, path: str) -> ErrorBody:
    """Writes an error as JSON."""
    status, minor, message = told(error)
    return json_body(status, {"minorErrorCode": minor, "message": message, "stackTrace": None})


def page_of(request: Message) -> Page:
    """The page that page, from 1, and pageSize name; a size of 0 asks for the total alone."""
    asked, most = given(request, "page"), given(request, "page_size")
    number, size = 1 if asked is None else asked, USUAL if most is None else most
    return Page((number - 1) * size + 1, size, {"page": number})


CLOUDAPI = Dialect(render, refuse_unknown_version, TENANT_CONTEXT, TENANT_PREFIX, page_of)
