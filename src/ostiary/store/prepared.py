"""Prepared statements: compiled once, and executed by the driver itself.

SQLAlchemy's Core takes 25 µs (SQLite) to 120 µs (PostgreSQL) of CPU for a statement that takes the driver 5 to 30, and
the ORM ten times that. Statements at the top of a module that are executed on hot paths are `prepared`; all others go
through Core. Values are given under the names of the bound parameters; an INSERT without `values` takes all columns of
its table by their names, but for a number that the database gives.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Insert, SelectBase, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.dml import UpdateBase

Statement = SelectBase | UpdateBase
Written = Statement | Callable[[Callable[[Table], Any]], UpdateBase]
_MARKED: list[Prepared] = []


class Prepared:
    """A statement without expanding parameters. The rows that it returns are named tuples of its columns."""

    __slots__ = ("_plans", "_written")

    def __init__(self, written: Written) -> None:
        self._written = written
        self._plans: dict[str, _Plan] = {}

    @staticmethod
    def all() -> Sequence[Prepared]:
        """Every statement that `prepared` has marked, in the modules imported so far."""
        return tuple(_MARKED)

    def statement(self, dialect: Dialect) -> Statement:
        """Returns the statement as SQLAlchemy itself would run it."""
        return _statement(self._written, dialect)

    def sql(self, dialect: Dialect) -> str:
        """Returns the text that the driver gets."""
        return self._plan_for(dialect).sql

    def ask(self, connection: Connection, parameters: dict[str, Any] | None) -> Sequence[Any]:
        """All rows. Raises the driver's own errors, which the store translates like SQLAlchemy's."""
        return self._plan(connection).ask(_driver(connection), parameters or {})

    def run(self, connection: Connection, parameters: dict[str, Any] | Sequence[dict[str, Any]] | None) -> int:
        """Runs the statement and returns the number of affected rows; with a list of parameters, once for each of them.
        Errors as above."""
        return self._plan(connection).run(_driver(connection), parameters or {})

    def _plan(self, connection: Connection) -> _Plan:
        return self._plan_for(connection.dialect)

    def _plan_for(self, dialect: Dialect) -> _Plan:
        plan = self._plans.get(dialect.name)
        if plan is None:
            plan = self._plans[dialect.name] = _Plan(self.statement(dialect), dialect)
        return plan


def prepared(written: Written) -> Prepared:
    """Marks a statement at a module's top as one that hot paths ask.

    An upsert is written as a function of `insert`, which differs between the backends:
    `prepared(lambda insert: insert(table).on_conflict_do_nothing())`.
    """
    statement = Prepared(written)
    _MARKED.append(statement)
    return statement


def _statement(written: Written, dialect: Dialect) -> Statement:
    if isinstance(written, SelectBase | UpdateBase):
        return written
    return written(postgresql.insert if dialect.name == "postgresql" else sqlite.insert)


def _driver(connection: Connection) -> Any:
    return connection.connection.dbapi_connection


def _given_columns(statement: Statement) -> list[str] | None:
    """The columns for which an INSERT without values is given some."""
    if not isinstance(statement, Insert) or not isinstance(statement.table, Table):
        return None
    counted = statement.table.autoincrement_column
    return [column.name for column in statement.table.columns if column is not counted]


class _Plan:
    """A statement for one backend: its text, its parameters in order, how rows become tuples."""

    __slots__ = ("_bind", "_convert", "_given", "_make", "_order", "sql")

    def __init__(self, statement: Statement, dialect: Dialect) -> None:
        compiled: Any = statement.compile(dialect=dialect, column_keys=_given_columns(statement))
        self.sql = str(compiled)
        self._order: tuple[str, ...] | None = tuple(compiled.positiontup) if compiled.positional else None
        self._given = {name: value for name, value in compiled.params.items() if value is not None}
        self._bind: dict[str, Callable[[Any], Any]] = compiled._bind_processors  # noqa: SLF001 - no public name
        columns = compiled._result_columns  # noqa: SLF001 - there is no public name for it
        row: Any = namedtuple("Row", [column.keyname for column in columns])  # type: ignore[misc]  # noqa: PYI024
        self._make = row._make
        converters = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns]
        self._convert: list[tuple[int, Callable[[Any], Any]]] = [
            (place, converter) for place, converter in enumerate(converters) if converter is not None
        ]

    def ask(self, driver: Any, parameters: dict[str, Any]) -> Sequence[Any]:
        """All rows of the statement over a DBAPI connection of sqlite3 or psycopg."""
        found = driver.execute(self.sql, self._bound(parameters)).fetchall()
        make = self._make
        return [make(self._converted(row)) for row in found] if self._convert else [make(row) for row in found]

    def run(self, driver: Any, parameters: dict[str, Any] | Sequence[dict[str, Any]]) -> int:
        """Runs the statement and returns the number of affected rows."""
        if isinstance(parameters, dict):
            count: int = driver.execute(self.sql, self._bound(parameters)).rowcount
            return count
        cursor = driver.cursor()
        cursor.executemany(self.sql, [self._bound(each) for each in parameters])
        count = cursor.rowcount
        cursor.close()
        return count

    def _bound(self, parameters: dict[str, Any]) -> Any:
        given = {**self._given, **parameters} if self._given else parameters
        if self._bind:
            given = {name: self._bind[name](value) if name in self._bind else value for name, value in given.items()}
        return given if self._order is None else tuple([given[name] for name in self._order])

    def _converted(self, row: Sequence[Any]) -> list[Any]:
        values = list(row)
        for place, convert in self._convert:
            values[place] = convert(values[place])
        return values
