"""Errors of Cloud Director: `{minorErrorCode, message, stackTrace}`. The stack trace is always null."""

from __future__ import annotations

from ostiary.errors import DomainError, Kind
from ostiary.transport.families.body import ErrorBody, json_body

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


def render(error: DomainError, path: str) -> ErrorBody:
    """An entity that does not exist is 403 there, the same as one that the caller may not see."""
    status = 403 if error.kind is Kind.NOT_FOUND else error.kind.value
    message = error.message if error.kind is not Kind.NOT_FOUND else "The entity does not exist or may not be seen."
    minor = _MINOR_CODES.get(error.kind, "BAD_REQUEST" if status < Kind.INTERNAL.value else "INTERNAL_SERVER_ERROR")
    return json_body(status, {"minorErrorCode": minor, "message": message, "stackTrace": None})
