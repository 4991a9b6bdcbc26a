"""Checks of single values: texts and numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from ostiary.transport.bounds.excess import Excess, beyond
from ostiary.transport.bounds.patterns import compiled
from ostiary.transport.bounds.reading import Bounds
from ostiary.transport.bounds.texts import FORMATS, TEXTS

Check = Callable[[Any], Excess | None]
_Rule = tuple[Callable[[Any], object], Callable[[Any], str]]
"""Whether a value is right, and the sentence about one that is not."""


def text_check(bounds: Bounds) -> Check | None:
    """Returns the check of a text; None where any text is right."""
    return _check(bounds, [*_text_rules(bounds)])


def number_check(bounds: Bounds) -> Check | None:
    """Returns the check of a number; None where any is right."""
    least = -math.inf if bounds.least is None else bounds.least
    most = math.inf if bounds.most is None else bounds.most
    if not bounds.declares_number:
        return None  # the decoding has seen to the limits of the type
    said = _range(bounds)
    rule: _Rule = (lambda value: least <= value <= most, lambda value: f"{{field}} must be {said}, not {value:.15g}.")
    return _check(bounds, [rule])


def _check(bounds: Bounds, rules: list[_Rule]) -> Check | None:
    if not rules:
        return None

    def check(value: Any) -> Excess | None:
        for holds, sentence in rules:
            if not holds(value):
                return beyond(bounds, sentence(value))
        return None

    return check


def _text_rules(bounds: Bounds) -> Iterator[_Rule]:
    """Yields the rules, those of the length first: the others then read no text that is too long anyway."""
    allowed, values = bounds.allowed, frozenset(bounds.values)
    shortest, longest = bounds.shortest or 0, math.inf if bounds.longest is None else bounds.longest
    if shortest or bounds.longest is not None:
        wanted = _length(bounds)
        yield (
            lambda text: shortest <= len(text) <= longest,
            lambda text: f"{{field}} must have {wanted} characters, not {len(text)}.",
        )
    if values:
        yield values.__contains__, lambda text: f"{{field}} must be {_one_of(bounds)}; it was {_kind_of(text)}."
    kind = TEXTS.get(allowed.text)
    if kind is not None:
        holds, said = kind.filled if bounds.shortest else kind.holds, kind.wanted
        yield holds, lambda text: f"{{field}} must be {said}; it was {_kind_of(text)}."
    if allowed.format:
        is_format, form = FORMATS[allowed.format]
        yield is_format, lambda text: f"{{field}} must be {form}."
    if allowed.pattern:
        yield (
            compiled(allowed.pattern),
            lambda text: f"{{field}} must match {allowed.pattern}; it was {_kind_of(text)} that does not.",
        )


def _kind_of(text: str) -> str:
    return f"a text of {len(text)} character{'s' * (len(text) != 1)}"


def _one_of(bounds: Bounds) -> str:
    return f"one of {', '.join(bounds.values)}" if len(bounds.values) > 1 else bounds.values[0]


def _length(bounds: Bounds) -> str:
    if bounds.longest is None:
        return f"at least {bounds.shortest}"
    return f"{bounds.shortest} to {bounds.longest}" if bounds.shortest else f"at most {bounds.longest}"


def _range(bounds: Bounds) -> str:
    given = bounds.allowed
    if not given.HasField("maximum"):
        return f"{bounds.least} or more"
    return f"between {bounds.least} and {bounds.most}" if given.HasField("minimum") else f"at most {bounds.most}"
