"""Errors of OAuth: RFC 6749 §5.2, with the extra fields that App ID's SDKs read."""

from __future__ import annotations

from typing import Any

from ostiary.errors import DomainError, Kind
from ostiary.transport.dialects.body import ErrorBody, json_body
from ostiary.transport.dialects.dialect import Dialect

_CODES = {
    Kind.INVALID: "invalid_request",
    Kind.UNAUTHENTICATED: "invalid_token",
    Kind.DENIED: "access_denied",
    Kind.NOT_FOUND: "invalid_request",
    Kind.CONFLICT: "invalid_request",
    Kind.TOO_LARGE: "invalid_request",
    Kind.LIMITED: "too many requests",
    Kind.UNAVAILABLE: "temporarily_unavailable",
}
_OF_REASONS = {"INSUFFICIENT_SCOPE": "insufficient_scope"}
"""RFC 6750 §3.1 tells a token that may too little from a person who may not (RFC 6749 §4.1.2.1)."""
_OWN_FACTS = frozenset({"oauth_error", "status", "retry_after", "scim_type", "challenge", "changed_at"})


def render(error: DomainError, path: str) -> ErrorBody:
    """Writes an error. `facts` may name `oauth_error` (the code) and `status`; further facts, such as `user_id`, are
    added as members."""
    if error.reason == "TENANT_NOT_FOUND":
        return ErrorBody(404, "text/plain; charset=utf-8", "Not Found")
    status = int(error.facts.get("status", error.kind.value))
    otherwise = "invalid_request" if status < Kind.INTERNAL.value else "server_error"
    usual = _OF_REASONS.get(error.reason) or _CODES.get(error.kind, otherwise)
    code = str(error.facts.get("oauth_error", usual))
    document: dict[str, Any] = {"error": code, "error_description": error.message}
    if error.kind is Kind.LIMITED:
        document["error_code"] = "too many requests"
    document |= {name: value for name, value in error.facts.items() if name not in _OWN_FACTS}
    return json_body(status, document, headers=_challenge(error, code, status))


def _challenge(error: DomainError, code: str, status: int) -> tuple[tuple[str, str], ...]:
    """401 says how to authenticate: RFC 6749 §5.2 (Basic) for clients, RFC 6750 §3 for bearer tokens; of 403 only the
    one that another token would help against."""
    if status != Kind.UNAUTHENTICATED.value and code != "insufficient_scope":
        return ()
    if code == "invalid_client":
        return (("www-authenticate", 'Basic realm="ostiary"'),)
    if error.reason == "UNAUTHENTICATED":
        return (("www-authenticate", 'Bearer realm="ostiary"'),)
    return (("www-authenticate", f'Bearer realm="ostiary", error="{code}"'),)


OAUTH = Dialect(render)
