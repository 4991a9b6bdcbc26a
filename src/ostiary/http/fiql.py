"""FIQL, the filter language of cloudapi lists: `(name==a*;isEnabled==true),id!=…,created=gt=…`.

`;` is AND and binds tighter than `,`, which is OR; parentheses group; `*` in a value matches any text. A backslash
before one of `( ) ; ,` makes it part of the value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from sqlalchemy import Column, ColumnElement, and_, not_, or_
from sqlalchemy.sql import operators

from ostiary.errors import invalid

MAX_LENGTH = 2_048
MAX_DEPTH = 16
MAX_COMPARISONS = 50
MAX_OPEN = 10
"""Values that begin with a wildcard: each reads all that there is to find, since no index serves it."""
_COMPARISON = re.compile(r"([A-Za-z][A-Za-z0-9_.]*)(==|!=|=gt=|=ge=|=lt=|=le=)((?:\\[();,]|[^;,()])*)")
_ESCAPED = re.compile(r"\\([();,])")
_ORDERED: Mapping[str, Callable[[Any, Any], Any]] = {
    "=gt=": operators.gt, "=ge=": operators.ge, "=lt=": operators.lt, "=le=": operators.le,
}  # fmt: skip

Comparator = Callable[[str, Sequence[str]], ColumnElement[bool]]
"""Compares a field with a value, by one of `==`, `=gt=`, `=ge=`, `=lt=` and `=le=`, which comes first. The value is
given as the texts between its wildcards. Returns the condition, or raises INVALID_FILTER for a value that the field
cannot have, or an order where it has none."""


@dataclass(slots=True)
class _Reader:
    text: str
    fields: Mapping[str, Comparator]
    encoded: bool
    position: int = 0
    comparisons: int = 0
    open_values: int = 0

    def either(self, depth: int = 0) -> ColumnElement[bool]:
        """`both` *( `,` `both` )"""
        parts = [self.both(depth)]
        while self.takes(","):
            parts.append(self.both(depth))
        return or_(*parts)

    def both(self, depth: int) -> ColumnElement[bool]:
        """`one` *( `;` `one` )"""
        parts = [self.one(depth)]
        while self.takes(";"):
            parts.append(self.one(depth))
        return and_(*parts)

    def one(self, depth: int) -> ColumnElement[bool]:
        """A comparison, or a group in brackets."""
        if not self.takes("("):
            return self.comparison()
        if depth >= MAX_DEPTH:
            raise malformed(f"it nests deeper than {MAX_DEPTH} brackets")
        group = self.either(depth + 1)
        if not self.takes(")"):
            raise malformed(f"a bracket is not closed at position {self.position + 1}")
        return group

    def comparison(self) -> ColumnElement[bool]:
        """A field, `==`, `!=` or an order, a value."""
        self.comparisons += 1
        if self.comparisons > MAX_COMPARISONS:
            raise malformed(f"it has more than {MAX_COMPARISONS} comparisons")
        found = _COMPARISON.match(self.text, self.position)
        if found is None:
            raise malformed(f"there is no comparison such as name==value at position {self.position + 1}")
        self.position = found.end()
        name, operator, value = found.groups()
        if name not in self.fields:
            raise malformed(f"it can compare {', '.join(self.fields)}, not {name}")
        texts = [unquote(text) if self.encoded else text for text in _ESCAPED.sub(r"\1", value).split("*")]
        self.open_values += len(texts) > 1 and not texts[0]
        if self.open_values > MAX_OPEN:
            raise malformed(f"more than {MAX_OPEN} values begin with *")
        if operator in _ORDERED and len(texts) > 1:
            raise malformed(f"{operator} compares with a whole value, without *")
        return not_(self.fields[name]("==", texts)) if operator == "!=" else self.fields[name](operator, texts)

    def takes(self, character: str) -> bool:
        """Whether `character` comes next; moves past it."""
        found = self.text.startswith(character, self.position)
        self.position += found
        return found


def read_fiql(text: str, fields: Mapping[str, Comparator], *, encoded: bool = False) -> ColumnElement[bool]:
    """The condition that a filter means. `encoded`: values are percent-encoded once more.

    Raises INVALID_FILTER with what is wrong, and where.
    """
    if len(text) > MAX_LENGTH:
        raise malformed(f"it is longer than {MAX_LENGTH} characters")
    if "\0" in text or (encoded and "%00" in text):
        raise malformed("it holds a NUL character")
    reader = _Reader(text, fields, encoded)
    condition = reader.either()
    if reader.position < len(text):
        raise malformed(f"it should end at position {reader.position + 1}, or go on with ; or ,")
    return condition


def matches(
    column: ColumnElement[str], key: Callable[[str], str], whole: Callable[[str], str] | None = None, *,
    begins: Callable[[ColumnElement[str], str], ColumnElement[bool]] | None = None,
) -> Comparator:  # fmt: skip
    """Compares a text column that holds compared forms, which `key` makes; `whole`, if it is given, makes those of
    values without wildcards. `begins`, if it is given, says what begins with a text so that an index finds it."""

    def compare(operator: str, texts: Sequence[str]) -> ColumnElement[bool]:
        keys = [(whole or key)(texts[0])] if len(texts) == 1 else [key(text) for text in texts]
        if operator in _ORDERED:
            condition: ColumnElement[bool] = _ORDERED[operator](column, keys[0])
            return condition
        if len(keys) == 1:
            return column == keys[0]
        if begins is not None and keys[0] and keys[1:] == [""]:
            return begins(column, keys[0])
        return column.like("%".join(map(_escaped, keys)), escape="\\")

    return compare


def refers_to(column: ColumnElement[str]) -> Comparator:
    """Compares a column of GUIDs with a reference to an entity: its URN, the URL of its description, or the GUID."""
    return matches(column, lambda reference: reference.rstrip("/").replace(":", "/").rpartition("/")[2])


def is_whole(operator: str, texts: Sequence[str]) -> str:
    """The value of a comparison that knows only `==` and no wildcards; raises INVALID_FILTER for others."""
    if operator != "==" or len(texts) > 1:
        raise malformed("this field is compared with a whole value, by == or !=")
    return texts[0]


def is_one_of(conditions: Mapping[str, ColumnElement[bool]], *, otherwise: ColumnElement[bool]) -> Comparator:
    """Compares a field that is one of a few words, each with its condition."""

    def compare(operator: str, texts: Sequence[str]) -> ColumnElement[bool]:
        return conditions.get(is_whole(operator, texts).upper(), otherwise)

    return compare


def is_true(column: ColumnElement[bool]) -> Comparator:
    """Compares a boolean column with `true` or `false`."""

    def compare(operator: str, texts: Sequence[str]) -> ColumnElement[bool]:
        value = "*".join(texts).lower()
        if operator != "==":
            raise malformed(f"true and false have no order, so {operator} means nothing")
        if value not in ("true", "false"):
            raise malformed(f"a field that is true or false cannot be {value!r}")
        if isinstance(column, Column):  # compared with a value, so that both databases look it up in an index
            return column.is_(value == "true")
        return column if value == "true" else not_(column)

    return compare


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def malformed(why: str) -> Exception:
    """The filter cannot be used."""
    return invalid("INVALID_FILTER", f"The filter is not valid: {why}.")
