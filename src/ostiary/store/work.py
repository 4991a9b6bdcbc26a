"""Unit of work: one connection, with Core for frequent queries and an ORM session for the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, TypeVar

from sqlalchemy import Connection, Executable, Row, Table, literal
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel

from ostiary.errors import invalid
from ostiary.store.prepared import Prepared

Model = TypeVar("Model", bound=SQLModel)
_COUNTED = {"preserve_rowcount": True}


class Work:
    """One unit of work on one connection, taken when it is first needed.

    Made from what `Store.read` and `Store.write` give, and nowhere else.
    """

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._connection: Connection | None = None
        self.memo: dict[Any, Any] = {}

    @property
    def connection(self) -> Connection:
        """The connection; a request that finds all it needs in memory takes none."""
        # Not a cached_property, whose lock costs more than the whole look-up.
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    @cached_property
    def session(self) -> Session:
        """The ORM on this transaction. Costs about 500 µs a read: hot paths use `row` and `rows`."""
        return Session(self.connection, autoflush=True, expire_on_commit=False, join_transaction_mode="control_fully")

    def row(self, statement: Executable | Prepared, parameters: dict[str, Any] | None = None) -> Row[Any] | None:
        """The first row of a Core or prepared statement, or None."""
        _refuse_nul(parameters)
        if isinstance(statement, Prepared):
            found = statement.ask(self.connection, parameters)
            return found[0] if found else None
        return self.connection.execute(statement, parameters).first()

    def rows(self, statement: Executable | Prepared, parameters: dict[str, Any] | None = None) -> Sequence[Row[Any]]:
        """All rows of a Core or prepared statement."""
        _refuse_nul(parameters)
        if isinstance(statement, Prepared):
            return statement.ask(self.connection, parameters)
        return self.connection.execute(statement, parameters).all()

    def run(self, statement: Executable | Prepared, parameters: Any = None) -> int:
        """Executes a change and says how many rows it touched."""
        if isinstance(statement, Prepared):
            return statement.run(self.connection, parameters)
        # Without the option SQLAlchemy forgets the number of an INSERT on PostgreSQL.
        return self.connection.execute(statement, parameters, execution_options=_COUNTED).rowcount

    def insert(self, table: Table) -> Any:
        """An INSERT that can be given `on_conflict_do_update`: first writes race, so they are upserts."""
        return postgresql.insert(table) if self.connection.dialect.name == "postgresql" else sqlite.insert(table)

    def insert_new(self, table: Table, row: dict[str, Any]) -> bool:
        """Inserts a row unless a constraint refuses it: False then. Of two at once exactly one gets True.

        The answer is a returned column: the row count of an INSERT differs between drivers.
        """
        statement = self.insert(table).values(row).on_conflict_do_nothing().returning(literal(1))
        return self.connection.execute(statement).first() is not None

    def get(self, model: type[Model], key: Any, *, lock: bool = False) -> Model | None:
        """Returns one object by primary key; `lock` locks the row until commit (lock, then read, then change)."""
        return self.session.get(model, key, with_for_update=lock or None, populate_existing=lock)

    def add(self, *objects: SQLModel) -> None:
        """Adds new rows and sends them, so that a constraint refuses here and not at commit."""
        self.session.add_all(objects)
        self.session.flush()

    def delete(self, thing: SQLModel) -> None:
        """Deletes one object."""
        self.session.delete(thing)
        self.session.flush()

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undoes what was written inside when that raises, and nothing else."""
        driver: Any = self.connection.connection.dbapi_connection
        driver.execute("SAVEPOINT part")
        try:
            yield
            self.flush()
        except BaseException:
            driver.execute("ROLLBACK TO part")
            if "session" in self.__dict__:
                self.session.expunge_all()
            raise
        finally:
            driver.execute("RELEASE part")

    def flush(self) -> None:
        """Sends what the session still holds."""
        if "session" in self.__dict__:
            self.session.flush()


def _refuse_nul(parameters: dict[str, Any] | None) -> None:
    """Refuses a statement whose values contain NUL: PostgreSQL refuses it, SQLite does not; here both do, as a bad
    request."""
    for value in (parameters or {}).values():
        if value.__class__ is str and "\0" in value:
            raise invalid("UNSTORABLE_VALUE", "A value holds a NUL character.")
