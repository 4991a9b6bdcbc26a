"""Rendering of the hosted pages, and the headers that protect them."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ostiary.oauth.authorize.request import ReturnAddress

_TEMPLATES = Environment(
    loader=PackageLoader("ostiary.login"), autoescape=True, undefined=StrictUndefined, auto_reload=False
)
_CSS = Markup(_TEMPLATES.get_template("page.css").render())  # noqa: S704 - a file of ours, without any input
_TEMPLATES.globals["css"] = _CSS
_STYLE = f"style-src 'sha256-{base64.b64encode(hashlib.sha256(_CSS.encode()).digest()).decode()}'"
_ALWAYS = (
    ("cache-control", "no-store"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
)


@dataclass(frozen=True, slots=True)
class HostedPage:
    """A page as it is sent."""

    html: str
    headers: tuple[tuple[str, str], ...]


def form_page(template: str, *, redirects: bool, **facts: Any) -> HostedPage:
    """A page with the form of a step: a template in `templates/`, which `facts` fill. `redirects` says that the form
    may lead to a page which is not ours."""
    policy = _form_action(redirects=redirects)
    return HostedPage(_render(template, **facts), _headers(*policy, "frame-ancestors 'none'"))


@dataclass(frozen=True, slots=True)
class LinkPage:
    """The words of the page for a link in a mail; `{email}` in them is the user's address. Without a button it is the
    last page."""

    title: str
    words: str
    button: str = ""
    asks_for_password: bool = False


def link_page(
    says: LinkPage, *, action: str = "", email: str = "", redirects: bool = False, problem: str = ""
) -> HostedPage:
    """A page of a link. `redirects` says that its form leads to a page which is not ours."""
    facts: dict[str, Any] = {
        "title": says.title, "words": says.words.replace("{email}", email), "button": says.button,
        "asks_for_password": says.asks_for_password, "action": action, "email": email, "problem": problem,
    }  # fmt: skip
    if says.button:
        return form_page("link.html", redirects=redirects, **facts)
    return HostedPage(_render("link.html", **facts), _headers("form-action 'none'", "frame-ancestors 'none'"))


def web_message_page(address: ReturnAddress, response: dict[str, str], nonce: str) -> HostedPage:
    """The page that hands the answer to the window which opened it, of the registered origin and no other."""
    message = {"type": "authorization_response", **response}
    html = _render("web_message.html", response=message, origin=address.origin, nonce=nonce)
    policy = (f"script-src 'nonce-{nonce}'", "form-action 'none'", f"frame-ancestors {address.origin}")
    return HostedPage(html, _headers(*policy))


def _render(template: str, **facts: Any) -> str:
    return _TEMPLATES.get_template(template).render(**facts)


def _form_action(*, redirects: bool) -> list[str]:
    """Returns where the form of a page may be sent: to this server. Chromium applies it to every redirect after the
    form, also to those of the application, which nobody can know in advance: so a form that `redirects` has no such
    limit."""
    return [] if redirects else ["form-action 'self'"]


def _headers(*policy: str) -> tuple[tuple[str, str], ...]:
    return (
        *_ALWAYS,
        ("content-security-policy", "; ".join(("default-src 'none'", "base-uri 'none'", _STYLE, *policy))),
    )
