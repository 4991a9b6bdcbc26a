"""Codes as people type them."""

from __future__ import annotations

import unicodedata

_SEPARATORS = frozenset({"Pd", "Zs", "Cc", "Cf"})
"""Categories of what people put between digits: hyphens, blanks, line breaks, marks of direction."""
MAX_TYPED = 256


def typed_code(text: str) -> str:
    """A code without what stands between its characters, digits and letters in their plain forms, in lower case."""
    plain = unicodedata.normalize("NFKC", text[:MAX_TYPED]).casefold()
    return "".join(_plain(character) for character in plain if unicodedata.category(character) not in _SEPARATORS)


def _plain(character: str) -> str:
    """A digit of any script as ASCII writes it."""
    digit = unicodedata.decimal(character, None)
    return character if digit is None else str(digit)
