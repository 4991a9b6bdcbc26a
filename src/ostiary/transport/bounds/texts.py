"""Kinds and formats of texts: what each means to the check of requests, and how the OpenAPI document writes it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ostiary.errors import DomainError
from ostiary.names import email_key
from ostiary.outgoing.targets import MAX_URL, read_target
from ostiary_api.options.v1 import rest_pb2 as rest

Holds = Callable[[str], bool]

_NOT_IN_LINE = r"\u0000-\u001F\u007F-\u009F\u2028\u2029"
_BLANKS = r"\u0020\u00A0\u1680\u2000-\u200A\u202F\u205F\u3000"
_LINE = f"[^{_NOT_IN_LINE}]"
_HOST = r'!"$-.0-9;->A-\[\]-~'
"""Characters of a host: printable ASCII without / ? # @ and backslash; the colon comes before a port."""
_breaks_line = re.compile(f"[{_NOT_IN_LINE}]").search


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of text: whether a text is of this kind, and the same as a regular expression of ECMA 262. `filled` and
    `filled_pattern` are of a text that may not be empty, and so not blank. `wanted` ends the sentence "… must be"."""

    holds: Holds
    filled: Holds
    pattern: str
    filled_pattern: str
    wanted: str
    format: str = ""
    longest: int | None = None


def is_line(text: str) -> bool:
    """Whether a text is one line: no control characters, no line separators."""
    return not _breaks_line(text)


def is_filled_line(text: str) -> bool:
    """Whether a text is one line that is not blank."""
    return not _breaks_line(text) and bool(text) and not text.isspace()


def is_printable_ascii(text: str) -> bool:
    """Whether a text can be the value of a header: ASCII without control characters."""
    return text.isascii() and text.isprintable()


def is_web_url(text: str) -> bool:
    """Whether a text is an http(s) URL without user and password."""
    try:
        read_target(text)
    except DomainError:
        return False
    return True


def is_email(text: str) -> bool:
    """Whether a text is a mail address."""
    try:
        email_key(text.strip())
    except DomainError:
        return False
    return True


_WEB_URL = rf"^[Hh][Tt][Tt][Pp][Ss]?://[{_HOST}][:{_HOST}]*([/?#][!-\[\]-~]*)?$"
TEXTS: Mapping[int, Kind] = {
    rest.TEXT_LINE: Kind(
        is_line, is_filled_line, f"^{_LINE}*$", f"^{_LINE}*[^{_NOT_IN_LINE}{_BLANKS}]{_LINE}*$",
        "one line, not blank, without control characters",
    ),
    rest.TEXT_WEB_URL: Kind(
        is_web_url, is_web_url, _WEB_URL, _WEB_URL, "https://HOST[:PORT][/PATH] without user and password", "uri",
        MAX_URL,
    ),
    rest.TEXT_ASCII: Kind(
        is_printable_ascii, is_printable_ascii, "^[ -~]+$", "^[ -~]+$", "ASCII text without line breaks"
    ),
}  # fmt: skip
"""Every kind, by its number in the options."""
FORMATS: Mapping[str, tuple[Holds, str]] = {"email": (is_email, "a mail address such as name@example.com")}
"""The formats that the check of requests knows, each with the end of the sentence "… must be". The check takes all that
an operation takes: which may be narrower where it reads the text."""
