"""The parameter `claims` (OpenID Connect Core §5.5): claims that a client asks for by name, kept as one text.

The kept form has a word for each: `userinfo.name id_token.email`. What is asked for is a wish, also where it says
`essential`: what is not known is left out.
"""

from __future__ import annotations

from collections.abc import Iterable

from ostiary.errors import DomainError
from ostiary.http.json_text import read_json

PLACES = ("userinfo", "id_token")
"""Where claims can be asked for; others are not looked at (§5.5)."""


def read_claims(parameter: str, known: Iterable[str]) -> str:
    """The kept form of the parameter, with the `known` claims of it. Raises ValueError for what is not of its form."""
    if not parameter:
        return ""
    names = frozenset(known)
    return " ".join(f"{place}.{name}" for place in PLACES for name in _asked(parameter, place) if name in names)


def _asked(parameter: str, place: str) -> Iterable[str]:
    try:
        document = read_json(parameter.encode())
    except (DomainError, UnicodeEncodeError) as error:
        raise ValueError("not JSON") from error
    asked = document.get(place, {}) if isinstance(document, dict) else []
    if isinstance(asked, dict | None):
        return asked or ()
    raise ValueError("not an object of objects")


def asked_at(kept: str, place: str) -> frozenset[str]:
    """The names that the kept form asks for at a place."""
    return frozenset(word.partition(".")[2] for word in kept.split() if word.startswith(f"{place}."))
