"""Errors as HTML pages, for people who see them in a browser."""

from __future__ import annotations

from ostiary.errors import DomainError
from ostiary.pages.appearance import plain_look
from ostiary.pages.problems import problem_text
from ostiary.pages.rendering import render as render_page
from ostiary.transport.dialects.body import ErrorBody


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


def render(error: DomainError, body: ErrorBody, accept_language: str, request_id: str) -> ErrorBody:
    """The page in place of `body`, with its status and headers: what the person can do, and what a developer must know.
    ASCII on one line, like every error on its way to the gateway, and small, since it travels in a header."""
    look = plain_look(accept_language)
    page = render_page(
        "error.html", look, "form-action 'none'", "frame-ancestors 'none'", css="error.css",
        words=problem_text(look.texts, error), status=body.status, reason=error.reason, message=error.message,
        request_id=request_id,
    )  # fmt: skip
    html = page.html.replace("\n", " ").encode("ascii", "xmlcharrefreplace").decode()
    return ErrorBody(body.status, "text/html; charset=utf-8", html, (*body.headers, *page.headers))
