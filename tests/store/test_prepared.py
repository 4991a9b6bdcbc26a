"""Prepared statements answer and write what SQLAlchemy itself would, each of them, on both databases."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

from kit.stored.sample_rows import NUMBER, add_sample_rows, present, sample_row
from kit.stored.statements import statements
from sqlalchemy import BindParameter, Column, Insert, String, Table, bindparam, delete, select, update
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.sql.elements import BinaryExpression, Null, UnaryExpression
from sqlalchemy.types import NullType

from ostiary.store.engine import Store
from ostiary.store.listed import Texts
from ostiary.store.prepared import Prepared, Statement
from ostiary.store.work import Work

BOUNDS = {operator.gt: -1, operator.ge: 0, operator.lt: 1, operator.le: 0}


class Undone(Exception):
    """Ends a transaction whose changes are not wanted."""


def test_each_query_answers_what_core_answers(store: Store) -> None:
    seen = [(each, statement_of(store, each)) for each in statements()]
    queries = [(each, statement) for each, statement in seen if not isinstance(statement, UpdateBase)]
    fill(store)
    differ, empty = [], []
    for each, statement in queries:
        fast, slow = answers(store, each, statement)
        differ += [] if fast == slow else [(str(statement), fast, slow)]
        empty += [] if fast else [str(statement)]
    assert len(queries) > 20
    assert differ == []
    assert empty == [], "a comparison of nothing with nothing proves nothing"


def test_each_change_writes_what_core_writes(store: Store) -> None:
    seen = [(each, statement_of(store, each)) for each in statements()]
    changes = [(each, statement) for each, statement in seen if isinstance(statement, UpdateBase)]
    fill(store)
    differ, idle = [], []
    for each, statement in changes:
        fast, slow = (written(store, way, statement) for way in (each, statement))
        differ += [] if fast == slow else [(str(statement), fast, slow)]
        idle += [] if fast[0] else [str(statement)]
    assert len(changes) > 10
    assert differ == []
    assert idle == [], "a change of nothing proves nothing"


def statement_of(store: Store, each: Prepared) -> Statement:
    return each.statement(store.writing.dialect)


def fill(store: Store) -> None:
    with store.write() as work:
        work.run(delete(table_named("tenants")))
        add_sample_rows(work)


def table_named(name: str) -> Table:
    from sqlmodel import SQLModel

    return SQLModel.metadata.tables[name]


def answers(store: Store, each: Prepared, statement: Any) -> tuple[Any, Any]:
    """What the driver answers and what SQLAlchemy does, with the types of the values."""
    found: list[Any] = []
    try:
        with store.write() as work:
            suit(work, statement)
            facts = parameters(statement)
            found += [[typed(row) for row in work.rows(way, facts)] for way in (each, statement)]
            raise Undone  # noqa: TRY301 - a transaction is undone by raising
    except Undone:
        return found[0], found[1]


def typed(row: Any) -> list[tuple[str, type, Any]]:
    return [(name, type(value), value) for name, value in row._asdict().items()]


def written(store: Store, way: Any, statement: Any) -> tuple[Any, Any]:
    """How many rows a change met, or which it returned, and its table after it, in a transaction that is undone."""
    found: list[Any] = []
    try:
        with store.write() as work:
            suit(work, statement)
            table = statement.table
            if isinstance(statement, Insert) and statement.select is None:
                work.run(delete(table).where(*(key == value for key, value in key_of(table, 2))))
            facts = parameters(statement)
            if statement.compile().effective_returning:
                found.append([typed(row) for row in work.rows(way, facts)])
            else:
                found.append(work.run(way, facts))
            given = [column for column in table.columns if not is_counted(column)]
            found.append([typed(row) for row in work.rows(select(*given).order_by(*table.primary_key))])
            raise Undone  # noqa: TRY301 - a transaction is undone by raising
    except Undone:
        return found[0], found[1]


def is_counted(column: Column[Any]) -> bool:
    """Whether the database itself numbers the rows by this column, each time with another number."""
    return column.table.autoincrement_column is column  # type: ignore[attr-defined]


def is_identity(column: Column[Any]) -> bool:
    """Whether other rows refer to a row by this column."""
    return column.primary_key and len(column.table.primary_key) == 1


def key_of(table: Table, number: int) -> Iterator[tuple[Column[Any], Any]]:
    return ((column, present(column, number)) for column in table.primary_key)


def suit(work: Work, statement: Any) -> None:
    """Gives the first rows the constants with which the statement compares."""
    for table, values in constants(statement).items():
        work.run(update(table).where(*(key == value for key, value in key_of(table, 0))).values(values))


def constants(statement: Any) -> dict[Table, dict[str, Any]]:
    """The values that the first rows must have, by table and column, for the comparisons to hold."""
    found: dict[Table, dict[str, Any]] = {}
    for compared in (*comparisons(statement), *negations(statement)):
        column, value = column_in(compared), constant(compared)
        table = None if column is None else table_behind(column)
        if column is not None and table is not None and value is not Undone and not is_identity(column):
            found.setdefault(table, {})[column.name] = value
    return found


def table_behind(column: Column[Any]) -> Table | None:
    """The table of a column, also where the statement gives it another name; None for what a statement makes itself."""
    table = getattr(column.table, "element", column.table)
    return table if isinstance(table, Table) else None


def constant(compared: Any) -> Any:
    """The value that the column must have for the comparison to hold; `Undone` where a parameter decides."""
    column = column_in(compared)
    if isinstance(compared, UnaryExpression):
        return False if compared.operator in (operators.inv, operators.is_false) else Undone
    if compared.operator is operators.is_not and isinstance(compared.right, Null) and column is not None:
        return present(column, 0)
    if compared.operator is operator.eq and isinstance(compared.right, BindParameter) and not compared.right.required:
        return compared.right.value
    if compared.operator is operator.eq and getattr(compared.right, "is_literal", False):
        return compared.right.name.strip("'")
    return Undone


def parameters(statement: Any) -> dict[str, Any]:
    """Facts with which the statement finds, or changes, the first rows; a new row for an INSERT."""
    facts: dict[str, Any] = {bind.key: of_type(bind) for bind in named(statement)}
    if isinstance(statement, Insert):
        given = [column.name for column in statement.table.columns if not is_counted(column)]
        new = sample_row(statement.table, 2)
        return {name: value for name, value in facts.items() if name not in new} | {
            name: new[name] for name in given if name in facts
        }
    fixed: dict[Table | None, dict[str, Any]] = {**constants(statement)}
    for compared in comparisons(statement):
        column = column_in(compared)
        for bind in visitors.iterate(compared.right):
            if isinstance(bind, BindParameter) and bind.required and column is not None:
                held = fixed.get(table_behind(column), {}).get(column.name, present(column, 0))
                facts[bind.key] = bounded(compared, held)
    return facts


def named(statement: Any) -> list[BindParameter[Any]]:
    """The parameters that a caller must give, with the types of the columns that they change."""
    return [one for one in statement.compile().binds.values() if one.required]


def of_type(bind: BindParameter[Any]) -> Any:
    if isinstance(bind.type, Texts):
        return [of_type(bindparam(bind.key, type_=String()))]
    return NUMBER if isinstance(bind.type, NullType) else present(Column(bind.key, bind.type, nullable=False), 0)


def bounded(compared: BinaryExpression[Any], value: Any) -> Any:
    return value + BOUNDS.get(compared.operator, 0) if isinstance(value, int) else value


def comparisons(statement: Any) -> Iterator[BinaryExpression[Any]]:
    return (one for one in visitors.iterate(statement) if isinstance(one, BinaryExpression))


def negations(statement: Any) -> Iterator[UnaryExpression[Any]]:
    return (one for one in visitors.iterate(statement) if isinstance(one, UnaryExpression))


def column_in(compared: Any) -> Column[Any] | None:
    """The column on the left, or the negated one, also within a function of it."""
    left = compared.element if isinstance(compared, UnaryExpression) else compared.left
    return next((one for one in visitors.iterate(left) if isinstance(one, Column)), None)


assert max(map(abs, BOUNDS.values())) < NUMBER
