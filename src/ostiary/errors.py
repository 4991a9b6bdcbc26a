"""Errors of the domain: one class; each dialect has its own format for it (`transport.dialects`).

A `DomainError` says what went wrong in the domain's words. It becomes a gRPC status, an HTTP status and a body at one
place only, so that nothing below the transport speaks of protocols.
"""

from __future__ import annotations

from enum import Enum
from typing import Any


class Kind(Enum):
    """The kind of an error. The value is the HTTP status that a dialect uses unless its rules say otherwise."""

    INVALID = 400
    UNAUTHENTICATED = 401
    DENIED = 403
    NOT_FOUND = 404
    METHOD_NOT_ALLOWED = 405
    NOT_ACCEPTABLE = 406
    REQUEST_TIMEOUT = 408
    CONFLICT = 409
    GONE = 410
    PRECONDITION_FAILED = 412
    TOO_LARGE = 413
    UNSUPPORTED_TYPE = 415
    LIMITED = 429
    HEADERS_TOO_LARGE = 431
    CANCELLED = 499
    INTERNAL = 500
    UNIMPLEMENTED = 501
    UNAVAILABLE = 503
    DEADLINE_EXCEEDED = 504


MAX_MESSAGE = 1_500
"""Bytes. Messages quote what a caller sent, however long, and travel in headers, of which gRPC clients take 8 KiB."""


class DomainError(Exception):
    """A refusal, told in the domain's words.

    `reason` is UPPER_SNAKE and stable: programs compare it. `message` is for the person who must act on it: what was
    wrong, where, what would be right. `facts` are further fields that a dialect may show (`scim_type`, `user_id`,
    `retry_after` in seconds, `oauth_error`, …). `keep_changes` commits what the call has written all the same: a
    failed sign-in must still count.
    """

    def __init__(self, kind: Kind, reason: str, message: str, *, keep_changes: bool = False, **facts: Any) -> None:
        self.kind = kind
        self.reason = reason
        self.message = _bounded(message)
        super().__init__(f"{reason}: {self.message}")
        self.keep_changes = keep_changes
        self.facts = facts


def _bounded(message: str) -> str:
    encoded = message.encode("utf-8", "replace")  # JSON can spell what is no text
    whole = encoded[:MAX_MESSAGE].decode("utf-8", "ignore")
    return whole if len(encoded) <= MAX_MESSAGE else f"{whole}…"


def invalid(reason: str, message: str, **facts: Any) -> DomainError:
    """The request is malformed or breaks a documented limit (400)."""
    return DomainError(Kind.INVALID, reason, message, **facts)


def unauthenticated(reason: str, message: str, **facts: Any) -> DomainError:
    """Returns the error for missing or invalid credentials (401)."""
    return DomainError(Kind.UNAUTHENTICATED, reason, message, **facts)


def denied(reason: str, message: str, **facts: Any) -> DomainError:
    """Returns the error for a caller who is known and not allowed to do it (403)."""
    return DomainError(Kind.DENIED, reason, message, **facts)


def not_found(reason: str, message: str, **facts: Any) -> DomainError:
    """Returns the error for an object that is not in this tenant, or is in another one, which must look the same
    (404)."""
    return DomainError(Kind.NOT_FOUND, reason, message, **facts)


def conflict(reason: str, message: str, **facts: Any) -> DomainError:
    """The name or address is taken, or the thing is in another state (409)."""
    return DomainError(Kind.CONFLICT, reason, message, **facts)


def limited(reason: str, message: str, retry_after: int, **facts: Any) -> DomainError:
    """Returns the error for too many requests (429); `retry_after` in whole seconds."""
    return DomainError(Kind.LIMITED, reason, message, retry_after=max(1, retry_after), **facts)


def unavailable(reason: str, message: str, retry_after: int = 1) -> DomainError:
    """Returns the error for a part of the system that does not answer (503); `retry_after` in whole seconds."""
    return DomainError(Kind.UNAVAILABLE, reason, message, retry_after=max(1, retry_after))
