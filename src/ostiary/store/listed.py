"""Conditions on lists of any length that are one parameter, so that the statement around them is the same for all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, String, bindparam
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NullType, TypeDecorator, TypeEngine


class Texts(TypeDecorator[Sequence[str]]):
    """A list of texts as one value: an array on PostgreSQL, JSON on SQLite."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """The type in a database."""
        return dialect.type_descriptor(ARRAY(String()) if dialect.name == "postgresql" else String())

    def process_bind_param(self, value: Sequence[str] | None, dialect: Dialect) -> Any:
        """The value as the driver takes it."""
        return list(value or ()) if dialect.name == "postgresql" else json.dumps(list(value or ()))


class listed(FunctionElement[bool]):  # noqa: N801 - used like a function
    """Whether a column has one of the texts of the parameter `name`, a list; none where it is empty.

    What `IN` with an expanding parameter finds, but the same text for any number of values: it can be `prepared`, and
    PostgreSQL plans it once.
    """

    inherit_cache = True
    # Of a Boolean SQLAlchemy makes `(… IN …) = 1` for SQLite, which no index serves.
    type: TypeEngine[Any] = NullType()

    def __init__(self, column: ColumnElement[str], name: str) -> None:
        super().__init__(column, bindparam(name, type_=Texts()))


@compiles(listed)
def _in_json(element: listed, compiler: SQLCompiler, **options: Any) -> str:
    column, values = (compiler.process(each, **options) for each in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608 - compiled parts


@compiles(listed, "postgresql")
def _in_array(element: listed, compiler: SQLCompiler, **options: Any) -> str:
    column, values = (compiler.process(each, **options) for each in element.clauses)
    return f"{column} = ANY ({values})"
