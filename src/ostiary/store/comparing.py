"""Comparisons of texts and of JSON that both databases must make alike: by code points, as it is stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, String, literal, literal_column
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import Boolean

_LAST = "\U0010ffff"


class by_code_point(FunctionElement[str]):  # noqa: N801 - used like a function
    """A text that is sorted and compared by code points, whatever collation its column has."""

    inherit_cache = True
    type = String()


@compiles(by_code_point)
def _as_it_is(element: by_code_point, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


@compiles(by_code_point, "postgresql")
def _collated(element: by_code_point, compiler: SQLCompiler, **options: Any) -> str:
    return f'({compiler.process(element.clauses, **options)}) COLLATE "C"'


class _position(FunctionElement[int]):  # noqa: N801
    inherit_cache = True
    name = "position_of"


@compiles(_position)
def _instr(element: _position, compiler: SQLCompiler, **options: Any) -> str:
    return f"instr({compiler.process(element.clauses, **options)})"


@compiles(_position, "postgresql")
def _strpos(element: _position, compiler: SQLCompiler, **options: Any) -> str:
    return f"strpos({compiler.process(element.clauses, **options)})"


class _ending(FunctionElement[str]):  # noqa: N801
    inherit_cache = True
    type = String()


@compiles(_ending)
def _substr(element: _ending, compiler: SQLCompiler, **options: Any) -> str:
    text, length = (compiler.process(each, **options) for each in element.clauses)
    return f"substr({text}, -{length})"


@compiles(_ending, "postgresql")
def _right(element: _ending, compiler: SQLCompiler, **options: Any) -> str:
    return f"right({compiler.process(element.clauses, **options)})"


def contains(text: ColumnElement[str], part: str) -> ColumnElement[bool]:
    """Whether a text has `part` in it; every text has the empty one."""
    return _position(text, literal(part)) > 0


def starts_with(text: ColumnElement[str], start: str) -> ColumnElement[bool]:
    """Whether a text begins so: a range, which an index serves."""
    end = _behind(start)
    condition: ColumnElement[bool] = text >= start
    return condition if end is None else condition & (text < end)


def ends_with(text: ColumnElement[str], end: str) -> ColumnElement[bool]:
    """Whether a text ends so; `end` is not empty."""
    return _ending(text, literal(len(end))) == end


def _behind(start: str) -> str | None:
    """The first text behind all that begin with `start`; None where there is none."""
    kept = start.rstrip(_LAST)
    if not kept:
        return None
    following = ord(kept[-1]) + 1
    return kept[:-1] + chr(0xE000 if 0xD800 <= following <= 0xDFFF else following)


def json_path(*names: str) -> str:
    """The path to a member of a JSON object, in the form that both databases read."""
    return "$" + "".join(f'."{name}"' for name in names)


class _json_text(FunctionElement[str]):  # noqa: N801
    inherit_cache = True
    type = String()


@compiles(_json_text)
def _extract(element: _json_text, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_extract({compiler.process(element.clauses, **options)})"


@compiles(_json_text, "postgresql")
def _query_first(element: _json_text, compiler: SQLCompiler, **options: Any) -> str:
    document, path = (compiler.process(each, **options) for each in element.clauses)
    return f"(jsonb_path_query_first(({document})::jsonb, ({path})::jsonpath) #>> '{{}}') COLLATE \"C\""


def json_text(document: ColumnElement[str], *names: str) -> ColumnElement[str]:
    """The text at a place of a JSON document in a text column; NULL where there is none."""
    return _json_text(document, literal(json_path(*names)))


class _json_any(FunctionElement[bool]):  # noqa: N801
    inherit_cache = True
    type = Boolean()


@compiles(_json_any)
def _json_each(element: _json_any, compiler: SQLCompiler, **options: Any) -> str:
    document, path, condition = (compiler.process(each, **options) for each in element.clauses)
    return f"EXISTS (SELECT 1 FROM json_each({document}, {path}) AS entry WHERE {condition})"  # noqa: S608 - compiled parts


@compiles(_json_any, "postgresql")
def _jsonb_each(element: _json_any, compiler: SQLCompiler, **options: Any) -> str:
    document, path, condition = (compiler.process(each, **options) for each in element.clauses)
    items = f"jsonb_path_query(({document})::jsonb, (({path}) || '[*]')::jsonpath)"
    return f"EXISTS (SELECT 1 FROM {items} AS entry(value) WHERE {condition})"  # noqa: S608 - compiled parts


ENTRY: ColumnElement[str] = literal_column("entry.value", String())
"""The entry of a list on which the condition of `json_any` is."""


def json_any(document: ColumnElement[str], names: Sequence[str], condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether an entry of the list at a place of a JSON document fulfils a condition on `ENTRY`."""
    return _json_any(document, literal(json_path(*names)), condition)
