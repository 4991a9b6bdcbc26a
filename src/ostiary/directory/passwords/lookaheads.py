"""Patterns that begin with look-aheads, for a regular expression engine that has no look-ahead.

Password rules are often written as `^(?=.*[0-9])(?=.*[a-z]).{8,}$`, the vendor's own documentation among them. At the
beginning of a text a look-ahead is only one more pattern that must (`?=`) or must not (`?!`) match there, so such a
rule is several plain patterns, each matched in linear time. Look-around anywhere else has no such form.
"""

from __future__ import annotations

import re

_WRAPPED = re.compile(r"\^\(\?:(?=\(\?[=!])")
_LOOK = ("(?=", "(?!")

Condition = tuple[str, bool]
"""A pattern, and whether it must match."""


def conditions(pattern: str) -> list[Condition]:
    """The plain patterns that together say what `pattern` says; the pattern alone where it has no such form."""
    opened = _opened(pattern)
    if opened is None or r"\Q" in pattern:
        return [(pattern, True)]
    begun, rest = opened, []
    while begun.startswith(_LOOK):
        end = _end_of_group(begun)
        if end is None or begun[end : end + 1] in ("*", "+", "?", "{"):
            return [(pattern, True)]
        rest.append((f"^(?:{begun[3 : end - 1]})", begun.startswith("(?=")))
        begun = begun[end:]
    return [(pattern, True)] if _has_alternatives(begun) else [*rest, (f"^{begun}", True)]


def _opened(pattern: str) -> str | None:
    """Returns what follows `^`, without a group that contains all of it except a last `$`; None if it is no
    look-ahead."""
    if _WRAPPED.match(pattern):
        inner = pattern[1:]
        end = _end_of_group(inner)
        if end is None or inner[end:] not in ("", "$") or _has_alternatives(inner[3 : end - 1]):
            return None
        return inner[3 : end - 1] + inner[end:]
    return pattern[1:] if pattern.startswith(("^(?=", "^(?!")) else None


def _end_of_group(pattern: str) -> int | None:
    """The index after the group with which `pattern` begins, or None when it is never closed."""
    depth = 0
    for index, character in _structure(pattern):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth == 0:
            return index + 1
    return None


def _has_alternatives(pattern: str) -> bool:
    """Whether there is a `|` outside of every group."""
    depth = 0
    for _, character in _structure(pattern):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth == 0 and character == "|":
            return True
    return False


_TOKENS = re.compile(r"\\.|\[\^?\]?(?:\\.|\[:\w+:\]|[^\]\\])*\]|[()|]", re.DOTALL)


def _structure(pattern: str) -> list[tuple[int, str]]:
    """The parentheses and bars that are not escaped and not in a class, with their places."""
    found = ((token.start(), token[0]) for token in _TOKENS.finditer(pattern))
    return [(place, text) for place, text in found if text in "()|"]
