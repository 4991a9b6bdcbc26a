"""Reads that every request asks: compiled once, and sent by the driver itself.

SQLAlchemy's Core takes 25 µs (SQLite) to 120 µs (PostgreSQL) of CPU for a statement that takes the driver 5 to 30. What
stands at a module's top and is asked on hot paths is `prepared`; everything else is asked through Core.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, SelectBase
from sqlalchemy.engine import Dialect


class Prepared:
    """A SELECT without expanding parameters. Its rows are named tuples of the selected columns."""

    __slots__ = ("_plans", "_statement")

    def __init__(self, statement: SelectBase) -> None:
        self._statement = statement
        self._plans: dict[str, _Plan] = {}

    def ask(self, connection: Connection, parameters: dict[str, Any] | None) -> Sequence[Any]:
        """All rows. Raises the driver's own errors, which the store translates like SQLAlchemy's."""
        dialect = connection.dialect
        plan = self._plans.get(dialect.name)
        if plan is None:
            plan = self._plans[dialect.name] = _Plan(self._statement, dialect)
        return plan.ask(connection.connection.dbapi_connection, parameters or {})


def prepared(statement: SelectBase) -> Prepared:
    """Marks a statement at a module's top as one that hot paths ask."""
    return Prepared(statement)


class _Plan:
    """What one backend needs to know of a statement: its text, its parameters in order, how rows become tuples."""

    __slots__ = ("_convert", "_given", "_make", "_order", "_sql")

    def __init__(self, statement: SelectBase, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self._sql = str(compiled)
        self._order: tuple[str, ...] | None = tuple(compiled.positiontup) if compiled.positional else None  # type: ignore[arg-type]
        self._given = {name: value for name, value in compiled.params.items() if value is not None}
        columns = compiled._result_columns  # noqa: SLF001 - there is no public name for it
        row: Any = namedtuple("Row", [column.keyname for column in columns])  # type: ignore[misc]  # noqa: PYI024
        self._make = row._make
        converters = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns]
        self._convert: list[tuple[int, Callable[[Any], Any]]] = [
            (place, converter) for place, converter in enumerate(converters) if converter is not None
        ]

    def ask(self, driver: Any, parameters: dict[str, Any]) -> Sequence[Any]:
        """All rows of the statement over a DBAPI connection of sqlite3 or psycopg."""
        given = {**self._given, **parameters} if self._given else parameters
        if self._order is not None:
            found = driver.execute(self._sql, tuple(given[name] for name in self._order)).fetchall()
        else:
            found = driver.execute(self._sql, given).fetchall()
        make = self._make
        return [make(self._converted(row)) for row in found] if self._convert else [make(row) for row in found]

    def _converted(self, row: Sequence[Any]) -> list[Any]:
        values = list(row)
        for place, convert in self._convert:
            values[place] = convert(values[place])
        return values
