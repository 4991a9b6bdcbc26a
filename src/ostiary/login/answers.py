"""Answers to a browser: a page, or a redirect."""

from __future__ import annotations

from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from google.api import httpbody_pb2

from ostiary.errors import DomainError
from ostiary.pages.rendering import HostedPage
from ostiary.transport.call import Call


def shown(call: Call, page: HostedPage, error: DomainError | None = None) -> httpbody_pb2.HttpBody:
    """The page, with the status of what was wrong, if anything was."""
    call.headers += page.headers
    if error is not None:
        call.http_status = int(error.facts.get("status", error.kind.value))
        if "retry_after" in error.facts:
            call.headers.append(("retry-after", str(error.facts["retry_after"])))
    return httpbody_pb2.HttpBody(content_type="text/html; charset=utf-8", data=page.html.encode())


def sent_on(call: Call, uri: str, parameters: dict[str, str]) -> httpbody_pb2.HttpBody:
    """Returns a 303 to `uri`: the browser follows it by GET, and no form data are sent again (RFC 9700 §4.12)."""
    call.http_status = 303
    call.headers += [("location", with_query(uri, parameters)), ("cache-control", "no-store")]
    return httpbody_pb2.HttpBody(content_type="text/plain; charset=utf-8", data=b"")


def with_query(uri: str, parameters: dict[str, str]) -> str:
    """Adds to the query that the URI may have (RFC 6749 §3.1.2)."""
    parts = urlsplit(uri)
    query = "&".join(filter(None, (parts.query, urlencode(parameters, quote_via=quote))))
    return urlunsplit(parts._replace(query=query))
