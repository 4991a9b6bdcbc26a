"""Rendering of pages: templates without any script, and headers that allow nothing which is not ours."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from ostiary.pages.appearance import Look
from ostiary.pages.colors import ink_on, readable_on

CARD_LIGHT, CARD_DARK = "#ffffff", "#1b212b"
ACCENT_LIGHT, ACCENT_DARK = "#0b57d0", "#8ab4f8"
"""The colour of buttons and links, where the tenant's own cannot be read on the card."""
ALWAYS = (
    ("cache-control", "no-store"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
)


@pass_context
def _gettext(context: Context, text: str) -> str:
    """The text in the language of the page that is rendered."""
    return str(context["look"].texts(text))


def _templates() -> Environment:
    made = Environment(
        loader=PackageLoader("ostiary.pages"), autoescape=True, undefined=StrictUndefined, auto_reload=False,
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.i18n"],
    )  # fmt: skip
    made.install_gettext_callables(_gettext, _no_plurals, newstyle=True)  # type: ignore[attr-defined]
    return made


def _no_plurals(one: str, many: str, count: int) -> str:
    raise LookupError(f"the pages count nothing: {one}")


@dataclass(frozen=True, slots=True)
class HostedPage:
    """A page as it is sent."""

    html: str
    headers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Style:
    """A stylesheet within a page, and the source by which the page's policy allows it and no other."""

    css: Markup
    source: str


def render(
    template: str, look: Look, *policy: str, css: str = "page.css", styles: str = "", **facts: Any
) -> HostedPage:  # fmt: skip
    """A page: a template in `templates/`, which `facts` fill. `policy` are further directives of its Content Security
    Policy, which allows nothing but the style of the page, further sources of it (`styles`), and the logo."""
    style = style_of(look.appearance.color, css)
    html = _TEMPLATES.get_template(template).render(look=look, css=style.css, **facts)
    pictures = ["img-src 'self'"] if look.appearance.logo else []
    directives = (
        "default-src 'none'",
        "base-uri 'none'",
        f"style-src {style.source} {styles}".rstrip(),
        *pictures,
        *policy,
    )
    return HostedPage(html, (*ALWAYS, ("content-security-policy", "; ".join(directives))))


@lru_cache(maxsize=512)
def style_of(color: str, template: str = "page.css") -> Style:
    """A stylesheet of pages whose header has this colour, which colours buttons and links where it can be read."""
    light, dark = readable_on(color, CARD_LIGHT, ACCENT_LIGHT), readable_on(color, CARD_DARK, ACCENT_DARK)
    css = _TEMPLATES.get_template(template).render(
        header=color, on_header=ink_on(color), accent=light, on_accent=ink_on(light), dark_accent=dark,
        on_dark_accent=ink_on(dark), card=CARD_LIGHT, dark_card=CARD_DARK,
    ).replace("\n", "")  # fmt: skip
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return Style(Markup(css), f"'sha256-{digest}'")  # noqa: S704 - a file of ours, with colours that were checked


_TEMPLATES = _templates()
