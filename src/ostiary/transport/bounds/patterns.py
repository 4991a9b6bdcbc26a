"""Regular expressions of the options: those that mean the same in ECMA 262, for clients, and in RE2, for the server.

RE2 matches in time linear in the text, whatever the pattern; its `$` is the very end, as in ECMA 262, where Python's
own takes a line break after it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import re2

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
_TOKEN = re.compile(r"\\.|\[|\]|\(\?:|\(\?|\(|\)|\||\.|.", re.DOTALL)
_SAME_ESCAPES = frozenset("^$\\.*+?()[]{}|/-tnrdDwWx")
"""Letters that may follow a backslash: both read these alike, `\\w` and `\\d` as ASCII. They differ about `\\s`,
`\\b` and `\\p`, and RE2 does not know `\\u`."""


def compiled(pattern: str) -> Callable[[str], object]:
    """Returns what says whether a whole text matches. Raises re2.error for what RE2 cannot express, as look-ahead."""
    match: Callable[[str], object] = re2.compile(pattern, _OPTIONS).fullmatch
    return match


def pattern_faults(pattern: str) -> Iterator[str]:
    """Yields what keeps a pattern from meaning the same to clients and to the server."""
    if not (pattern.startswith("^") and pattern.endswith("$")) or pattern.endswith("\\$"):
        yield f"pattern {pattern!r} must reach from ^ to $"
    yield from _foreign(pattern)
    try:
        compiled(pattern)
    except re2.error as error:
        yield f"pattern {pattern!r} cannot be checked in linear time: {error}"


def _foreign(pattern: str) -> Iterator[str]:
    depth, in_class = 0, False
    for token in _TOKEN.findall(pattern):
        if token.startswith("\\") and token[1] not in _SAME_ESCAPES:
            yield f"pattern {pattern!r}: {token} does not mean the same everywhere"
        elif in_class:
            in_class = token != "]"
        elif token == "[":
            in_class = True
        else:
            depth += token.startswith("(") - (token == ")")
            yield from _foreign_outside_classes(pattern, token, depth)


def _foreign_outside_classes(pattern: str, token: str, depth: int) -> Iterator[str]:
    if token == "(?":
        yield f"pattern {pattern!r}: of groups that begin with (? only (?: is common to all"
    elif token == ".":
        yield f"pattern {pattern!r}: a dot matches other line ends elsewhere; name the characters"
    elif token == "|" and not depth:
        yield f"pattern {pattern!r}: put alternatives in a group, else ^ and $ belong to one each"
