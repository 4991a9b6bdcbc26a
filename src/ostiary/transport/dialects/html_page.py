"""Errors as HTML pages, for people who see them in a browser."""

from __future__ import annotations

import base64
import hashlib
import html

from ostiary.errors import DomainError
from ostiary.transport.dialects.body import ErrorBody

_CSS = (
    "body{margin:15vh auto;max-width:30rem;padding:0 1.25rem;font:1rem/1.5 system-ui,sans-serif;"
    "color-scheme:light dark}"
)
_STYLE = base64.b64encode(hashlib.sha256(_CSS.encode()).digest()).decode()
_HEADERS = (
    (
        "content-security-policy",
        f"default-src 'none'; style-src 'sha256-{_STYLE}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("referrer-policy", "no-referrer"),
)


def prefers_html(accept: str) -> bool:
    """Whether an Accept header (RFC 9110 §12.5.1) ranks a page above JSON, as those of browsers do."""
    weights: dict[str, float] = {}
    for entry in accept.split(","):
        media, *parameters = (part.strip().lower() for part in entry.split(";"))
        weights[media] = next((_weight(part) for part in parameters if part.startswith("q=")), 1.0)
    otherwise = weights.get("*/*", 0.0)
    page = weights.get("text/html", weights.get("text/*", otherwise))
    return page > weights.get("application/json", weights.get("application/*", otherwise))


def _weight(parameter: str) -> float:
    try:
        return float(parameter.removeprefix("q="))
    except ValueError:
        return 0.0


def render(error: DomainError, body: ErrorBody) -> ErrorBody:
    """The page in place of `body`, with its status and headers. ASCII, like every error on its way to the gateway."""
    message = html.escape(error.message).encode("ascii", "xmlcharrefreplace").decode()
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width, initial-scale=1"><title>Error {body.status}</title><style>{_CSS}</style></head>'
        f"<body><main><h1>This did not work</h1><p>{message}</p></main></body></html>"
    )
    return ErrorBody(body.status, "text/html; charset=utf-8", text, (*body.headers, *_HEADERS))
