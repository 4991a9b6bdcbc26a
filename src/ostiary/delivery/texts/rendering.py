"""Rendering of a message's text: fills the placeholders that App ID documents ("Customizing emails")."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape

import re2

from ostiary.delivery.addresses import as_line
from ostiary.delivery.texts.plain_text import plain_text
from ostiary.delivery.texts.templates import Template

MAX_SUBJECT = 200
"""Characters of a subject when its placeholders are filled."""
_PLACEHOLDER = re.compile(r"%\{([^{}]*)\}")
_EMPTY_IMAGE = re2.compile(r"""(?i)<img\b[^<>]*\bsrc\s*=\s*(?:""|'')[^<>]*>""")
"""RE2, since texts are a tenant's: no text can make it slow."""


@dataclass(frozen=True, slots=True)
class Content:
    """A message as people read it; `html` is empty where there is only plain text."""

    subject: str
    html: str
    text: str


def render(template: Template, values: Mapping[str, str]) -> Content:
    """The text with its placeholders filled: escaped in HTML, on one line in the subject; unknown ones are empty."""
    html = _filled(template.html, values, escape)
    # A tenant without a logo has no picture, rather than a broken one.
    html = _EMPTY_IMAGE.sub("", html)
    text = _filled(template.text, values, str) if template.text else plain_text(html)
    return Content(as_line(_filled(template.subject, values, str))[:MAX_SUBJECT], html, text)


def _filled(text: str, values: Mapping[str, str], written: Callable[[str], str]) -> str:
    return _PLACEHOLDER.sub(lambda found: written(values.get(found[1].strip(), "")), text)
