"""Column types that both databases must treat alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    ForeignKey,
    ForeignKeyConstraint,
    LargeBinary,
    Select,
    String,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy import text as condition_of
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlmodel import Field, SQLModel

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
"""The names of constraints, the same on both databases, so that a later migration can change them."""

SORTED = String().with_variant(String(collation="C"), "postgresql")
"""The type of text by which lists are sorted: C collation, so that both databases page alike (SQLite compares bytes
already)."""

_ENDS, _FORBIDS = "end of row", "forbids"


class Digest(TypeDecorator[str]):
    """A SHA-256 digest, empty for none: 64 hex digits here, half as many bytes in tables that have a row for each
    token."""

    impl = LargeBinary(32)
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        """As it is stored."""
        return None if value is None else bytes.fromhex(value)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:
        """As it is compared."""
        return None if value is None else value.hex()


class as_hex(FunctionElement[str]):  # noqa: N801 - used like a function
    """A `Digest` column as text, where a statement copies it into one."""

    inherit_cache = True
    type = String()


@compiles(as_hex)
def _hex_in_sqlite(element: as_hex, compiler: SQLCompiler, **options: Any) -> str:
    return f"lower(hex({compiler.process(element.clauses, **options)}))"


@compiles(as_hex, "postgresql")
def _hex_in_postgresql(element: as_hex, compiler: SQLCompiler, **options: Any) -> str:
    return f"encode({compiler.process(element.clauses, **options)}, 'hex')"


def table_of(model: type[SQLModel]) -> Table:
    """The Core table behind a model: what hot reads select from."""
    table: Table = model.__table__  # type: ignore[attr-defined]
    return table


def unindexed(column: ColumnElement[str]) -> ColumnElement[str]:
    """Returns a text column in a form that no index serves, for a condition that is combined with a list of ids.

    SQLite, which often has no statistics, expects `tenant_id = ?` to match fewer rows than `id IN (…)`, and would read
    all rows of the tenant.
    """
    return column.concat("")


class as_id(FunctionElement[str]):  # noqa: N801 - used like a function
    """A SORTED column in a form that is compared with ids: PostgreSQL uses an index only for comparisons in the index's
    own collation, which for ids is the database's, and would read all rows that it is to find one of."""

    inherit_cache = True
    type = String()


@compiles(as_id)
def _as_it_is(element: as_id, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


@compiles(as_id, "postgresql")
def _in_the_collation_of_ids(element: as_id, compiler: SQLCompiler, **options: Any) -> str:
    return f'{_as_it_is(element, compiler, **options)} COLLATE "default"'


class one_of(FunctionElement[bool]):  # noqa: N801 - used like a function
    """The condition that a column has one of the values that a selection finds, which is read first.

    PostgreSQL would make a join of IN, and without statistics compare each row of one side with each of the other."""

    inherit_cache = True
    type = Boolean()

    def __init__(self, column: ColumnElement[str], values: Select[tuple[str]]) -> None:
        super().__init__(column, values.scalar_subquery())


@compiles(one_of)
def _in_selection(element: one_of, compiler: SQLCompiler, **options: Any) -> str:
    column, values = (compiler.process(each, **options) for each in element.clauses)
    return f"{column} IN {values}"


@compiles(one_of, "postgresql")
def _in_array(element: one_of, compiler: SQLCompiler, **options: Any) -> str:
    column, values = (compiler.process(each, **options) for each in element.clauses)
    return f"{column} = ANY (ARRAY {values})"


def moment(*, index: bool = False, optional: bool = False) -> Any:
    """UTC milliseconds since the epoch."""
    return Field(default=None if optional else ..., sa_column=Column(BigInteger, nullable=optional, index=index))


def digest_column(*, key: bool = False) -> Any:
    """The digest of a token; empty where there is none."""
    return Field(default=... if key else "", sa_column=Column(Digest, nullable=False, primary_key=key))


def end_of_row(*, forbids: bool = False) -> Any:
    """Declares the time at which a row expires, in UTC milliseconds: the cleaner deletes it some time later. A store
    that is restored begins without such rows, unless the row `forbids`: while it exists something is not possible a
    second time."""
    return Field(sa_column=Column(BigInteger, nullable=False, index=True, info={_ENDS: True, _FORBIDS: forbids}))


def forbids(table: Table) -> bool:
    """Whether the rows of a temporary table are there so that something is not possible."""
    return any(column.info.get(_FORBIDS) for column in table.columns)


def temporary_tables() -> Iterator[tuple[Table, Column[int]]]:
    """Returns every table whose rows expire, with the column that says when; those that refer to others first."""
    for table in reversed(SQLModel.metadata.sorted_tables):
        yield from ((table, column) for column in table.columns if column.info.get(_ENDS))


def only_where(condition: str) -> dict[str, Any]:
    """The arguments of an index that has only the rows that fulfil a condition."""
    return {"sqlite_where": condition_of(condition), "postgresql_where": condition_of(condition)}


def text(*, default: str = "") -> Any:
    """Declares a text without a limit of its own."""
    return Field(default=default, sa_column=Column(Text, nullable=False))


def optional_text() -> Any:
    """Declares a text without a limit of its own that may be missing."""
    return Field(default=None, sa_column=Column(Text, nullable=True))


def sorted_text(*, index: bool = False) -> Any:
    """Declares a text by which a list is sorted."""
    return Field(sa_column=Column(SORTED, nullable=False, index=index))


LONGEST_SEARCHED = 200
"""Characters of a text that an index of `searched_text` holds: PostgreSQL takes no entry above 2,704 bytes."""


def searched_text() -> Any:
    """Declares the beginning of a text in compared form, by which rows are found; None where there is none."""
    return Field(default=None, sa_column=Column(SORTED, nullable=True))


def client_id_column(*, key: bool = False, default: Any = ...) -> Any:
    """Declares a client id: any text of up to 255 characters, unique in its tenant. All such columns have the same
    collation, since PostgreSQL compares no two columns of different ones."""
    return Field(default=default, sa_column=Column(SORTED, nullable=False, primary_key=key))


def profile_id_column(*, key: bool = False) -> Any:
    """Declares a profile id: up to 255 printable ASCII characters, unique in its tenant; of one collation, as above."""
    return Field(sa_column=Column(SORTED, nullable=False, primary_key=key))


def of_profile() -> ForeignKeyConstraint:
    """Declares that `tenant_id` and `profile_id` of a table name the profile that owns the row."""
    return ForeignKeyConstraint(["tenant_id", "profile_id"], ["profiles.tenant_id", "profiles.id"], ondelete="CASCADE")


def of_client() -> ForeignKeyConstraint:
    """Declares that `tenant_id` and `client_id` of a table name the client that owns the row."""
    return ForeignKeyConstraint(["tenant_id", "client_id"], ["clients.tenant_id", "clients.id"], ondelete="CASCADE")


def owned_by(target: str, *, key: bool = False, index: bool = False) -> Any:
    """Declares a reference to the row that owns this one; this row is deleted with its owner."""
    column = Column(String(36), ForeignKey(target, ondelete="CASCADE"), nullable=False, primary_key=key, index=index)
    return Field(sa_column=column)
