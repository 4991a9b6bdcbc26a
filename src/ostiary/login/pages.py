"""Pages of the flows: forms of steps, links in mails, and the answer to a window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ostiary.errors import DomainError
from ostiary.oauth.authorize.request import ReturnAddress
from ostiary.pages.appearance import Look
from ostiary.pages.problems import problem_text
from ostiary.pages.rendering import HostedPage, render
from ostiary.pages.scripts import SOURCE

_UNFRAMED = "frame-ancestors 'none'"


def form_page(
    template: str, look: Look, *, redirects: bool, problem: DomainError | None = None, **facts: Any
) -> HostedPage:
    """A page with the form of a step: a template of `ostiary.pages`, which `facts` fill. `redirects` says that the form
    may lead to a page which is not ours. With a `passkey` the page runs the script that asks for it."""
    words = problem_text(look.texts, problem) if problem else ""
    scripts = [SOURCE] if facts.get("passkey") else []
    policy = (*_form_action(redirects=redirects), _UNFRAMED, *scripts)
    return render(template, look, *policy, problem=words, **facts)


@dataclass(frozen=True, slots=True)
class LinkPage:
    """The words of the page for a link in a mail, as they are in the catalogues; `{email}` in them is the user's
    address. Without a button it is the last page."""

    title: str
    words: str
    button: str = ""
    asks_for_password: bool = False


def link_page(
    says: LinkPage, look: Look, *, action: str = "", email: str = "", redirects: bool = False,
    problem: DomainError | None = None, hint: str = "",
) -> HostedPage:  # fmt: skip
    """A page of a link. `redirects` says that its form leads to a page which is not ours."""
    facts: dict[str, Any] = {
        "title": look.texts(says.title), "words": look.texts(says.words).replace("{email}", email),
        "button": look.texts(says.button), "asks_for_password": says.asks_for_password, "action": action,
        "email": email, "hint": hint,
    }  # fmt: skip
    if says.button:
        return form_page("link.html", look, redirects=redirects, problem=problem, **facts)
    return render("link.html", look, "form-action 'none'", _UNFRAMED, problem="", **facts)


def web_message_page(look: Look, address: ReturnAddress, response: dict[str, str], nonce: str) -> HostedPage:
    """The page that hands the answer to the window which opened it, of the registered origin and no other."""
    message = {"type": "authorization_response", **response}
    policy = (f"script-src 'nonce-{nonce}'", "form-action 'none'", f"frame-ancestors {address.origin}")
    return render("web_message.html", look, *policy, response=message, origin=address.origin, nonce=nonce)


def form_post_page(look: Look, address: ReturnAddress, response: dict[str, str], nonce: str) -> HostedPage:
    """The page whose form takes the answer to the application by POST, at once where scripts run, else by its
    button."""
    policy = (f"script-src 'nonce-{nonce}'", _UNFRAMED)
    return render("form_post.html", look, *policy, response=response, action=address.redirect_uri, nonce=nonce)


def passed_on_page(look: Look, action: str, fields: Mapping[str, str], nonce: str) -> HostedPage:
    """The page whose form passes on, within this server, what a form of another site has brought: at once where
    scripts run, else by its button. From our own page the browser sends its cookies along (`SameSite=Lax`)."""
    policy = (f"script-src 'nonce-{nonce}'", _UNFRAMED)
    return render("passed_on.html", look, *policy, fields=fields, action=action, nonce=nonce)


def signed_out_page(look: Look, frames: Sequence[str], goes_on: str) -> HostedPage:
    """The page that tells applications of a sign-out in hidden frames (OpenID Connect Front-Channel Logout 1.0), and
    then goes on to the address of the one that has asked, if it has one."""
    sources = " ".join(dict.fromkeys("://".join(urlsplit(uri)[:2]) for uri in frames))
    policy = (f"frame-src {sources}", "form-action 'none'", _UNFRAMED)
    return render("signed_out.html", look, *policy, frames=frames, goes_on=goes_on)


def _form_action(*, redirects: bool) -> list[str]:
    """Returns where the form of a page may be sent: to this server. Chromium applies it to every redirect after the
    form, also to those of the application, which nobody can know in advance: so a form that `redirects` has no such
    limit."""
    return [] if redirects else ["form-action 'self'"]
