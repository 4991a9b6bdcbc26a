"""Opens the database: one engine that only reads, one that writes, and one that writes single statements.

Readers run in autocommit on connections that the database itself holds read-only, so a GET that tries to write is
refused there. Writers take one transaction, or one for each statement. Both backends are spoken to with SQLAlchemy;
what differs stands here.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import psycopg
from sqlalchemy import Connection, Engine, Table, Transaction, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import NullPool

from ostiary.caller import check_awaited, own_caller
from ostiary.crew import aside
from ostiary.errors import conflict, invalid, unavailable
from ostiary.store.connections import Connections
from ostiary.store.work import Work

STATEMENT_TIMEOUT_MS = 8_000
"""Below the gateway's 15 s, so that the caller gets our 503 and not its 504."""
LOCK_TIMEOUT_MS = 4_000
_IMMEDIATE = "BEGIN IMMEDIATE"
"""SQLite: a transaction that will write waits here, where waiting is safe, and not at its first change."""
_AWAY = (OperationalError, PoolTimeout, sqlite3.OperationalError, psycopg.OperationalError)
"""SQLAlchemy's own errors, and the drivers' where they are asked without it (`store.prepared`)."""


class Store:
    """The database of one installation.

    `read()`, `write()` and `singly()` are the only ways in. They raise `unavailable` when the database is away or its
    pool is exhausted, and `conflict` where a constraint refused a row that no query had foreseen.
    """

    def __init__(self, url: str, *, readers: int = 8, writers: int = 4) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        opened = _open_sqlite if self.is_sqlite else _open_postgresql
        self.reading, self.writing, single = opened(self.url)
        self._readers = Connections(self.reading, readers)
        self._writers = Connections(self.writing, writers)
        self._singles = Connections(single, writers)
        self._thread = threading.local()

    def read(self) -> Reading:
        """Reads committed rows; each statement sees the newest. The database refuses writes."""
        return Reading(self._readers)

    @contextmanager
    def write(self, *, durable: bool = True, awaited: bool = True) -> Iterator[Work]:
        """One transaction: return commits, raise rolls back. Not inside another one of the same thread.

        Committed is committed, whoever is killed. Only a power cut may take back what was not written `durable`, which
        saves the wait for the disk: good for counters of the last minute and for records that nobody waits for.

        One that is `awaited` is rolled back, with CANCELLED or DEADLINE_EXCEEDED, when the caller of this thread's
        request does not wait any more. What protects an account must not depend on that: it says False.
        """
        caller = own_caller() if awaited else None
        committed = False
        try:
            with translated(), self._alone(), aside, self._turn(self._writers) as connection:
                check_awaited(caller)
                work = Work(lambda: connection)
                transaction = self._begin(connection, durable=durable)
                try:
                    yield work
                    work.flush()
                    check_awaited(caller)
                except BaseException as error:
                    if getattr(error, "keep_changes", False):
                        work.flush()
                        transaction.commit()
                        committed = True
                    elif transaction.is_active:  # a flush that failed has rolled it back already
                        transaction.rollback()
                    raise
                transaction.commit()
                committed = True
        finally:
            if committed and durable and self.is_sqlite:
                with aside:
                    _reach_the_disk(f"{self.url.database}-wal")

    def _begin(self, connection: Connection, *, durable: bool) -> Transaction:
        """Begins what SQLAlchemy then ends: neither driver opens transactions of its own on these connections."""
        driver: Any = connection.connection.dbapi_connection
        if self.is_sqlite:
            driver.execute(_IMMEDIATE)
        else:  # one message, whatever is in it
            driver.execute("BEGIN" if durable else "BEGIN; SET LOCAL synchronous_commit TO off", prepare=False)
        return connection.begin()

    @contextmanager
    def singly(self) -> Iterator[Work]:
        """Each statement is a transaction of its own: what it did stays, whatever is raised afterwards.

        No more durable than `write(durable=False)`, and a quarter of its questions: for counters, one statement each.
        """
        with translated(), self._alone(), aside, self._turn(self._singles) as connection:
            yield Work(lambda: connection)

    @contextmanager
    def _turn(self, connections: Connections) -> Iterator[Connection]:
        with writers_turn(self.url):
            connection = connections.take()
            try:
                yield connection
            except BaseException as error:
                connections.give(connection, error)
                raise
            connections.give(connection)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """A transaction inside another one would wait for it for ever: on SQLite surely, on PostgreSQL at the first
        common row."""
        if getattr(self._thread, "writes", False):
            raise RuntimeError("a transaction was begun inside another one")
        self._thread.writes = True
        try:
            yield
        finally:
            self._thread.writes = False

    def tidy(self, *tables: Table) -> None:
        """Tells the planner at once what many new rows have changed; autovacuum would, a minute or more later.

        Only PostgreSQL needs it. Takes seconds for a million rows, and holds nobody up.
        """
        if self.is_sqlite:
            return
        names = ", ".join(table.name for table in tables)
        with translated(), self.writing.connect() as connection:
            alone = connection.execution_options(isolation_level="AUTOCOMMIT")
            alone.exec_driver_sql("SET statement_timeout = 0")
            try:
                alone.exec_driver_sql(f"VACUUM (ANALYZE) {names}")
            finally:
                alone.exec_driver_sql("RESET statement_timeout")

    def close(self) -> None:
        """Closes every connection; the store may be used again (needed after a fork)."""
        self._readers.close()
        self._writers.close()
        self._singles.close()


@contextmanager
def writers_turn(url: URL) -> Iterator[None]:
    """On SQLite, writers of all processes queue in the kernel: its own busy handler sleeps and starves some."""
    if url.get_backend_name() != "sqlite":
        yield
        return
    descriptor = os.open(f"{url.database}.writers", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


class Reading:
    """A reading connection for as long as the context; see `Store.read`.

    A class, since a generator takes three times as long to enter and leave, and every request does.
    """

    __slots__ = ("_connection", "_connections")

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def __enter__(self) -> Work:
        try:
            connection = self._connection = self._connections.take()
        except Exception as error:
            _translate(error)
            raise
        return Work(lambda: connection)

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self._connections.give(self._connection, error)
        if error is not None:
            _translate(error)


@contextmanager
def translated() -> Iterator[None]:
    """Driver errors end here: nothing above the store knows them."""
    try:
        yield
    except Exception as error:
        _translate(error)
        raise


def _translate(error: BaseException) -> None:
    """Raises what a driver's error means; returns when it is none, or one that nobody foresaw."""
    if isinstance(error, IntegrityError | sqlite3.IntegrityError | psycopg.IntegrityError):
        if _is_race(error):
            raise conflict("CONFLICT", "Another change came first; read again and repeat.") from error
    elif isinstance(getattr(error, "orig", error), psycopg.errors.DeadlockDetected):
        raise conflict("CONFLICT", "Another change came first; read again and repeat.") from error
    elif isinstance(error, _AWAY) or (isinstance(error, DBAPIError) and error.connection_invalidated):
        raise unavailable("STORE_UNAVAILABLE", "The database cannot be reached at the moment.") from error
    elif isinstance(error, DataError | psycopg.DataError):
        # What PostgreSQL cannot hold: a NUL in a text, a number beyond 64 bits.
        raise invalid("UNSTORABLE_VALUE", "A value holds a NUL character or is out of range.") from error


_RACES = {"23503", "23505", "SQLITE_CONSTRAINT_FOREIGNKEY", "SQLITE_CONSTRAINT_PRIMARYKEY", "SQLITE_CONSTRAINT_UNIQUE"}


def _is_race(error: Exception) -> bool:
    """Whether another row was there first, or the row referred to went; what is left is a fault of ours."""
    original = getattr(error, "orig", error)
    code = getattr(original, "sqlstate", None) or getattr(original, "sqlite_errorname", "")
    return code in _RACES


def migrating(url: URL) -> Engine:
    """For whoever changes the schema: one connection, statements as long as they take.

    SQLite alters a table by copying it and dropping the old one, which with foreign keys on would delete whatever
    refers to it.
    """
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, hide_parameters=True)
        _on_connect(engine, ["journal_mode=WAL", "synchronous=FULL", "foreign_keys=OFF"])
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(_IMMEDIATE))
        return engine
    arguments = _arguments(url, f"-c lock_timeout={LOCK_TIMEOUT_MS} -c timezone=UTC")
    return create_engine(_psycopg(url), hide_parameters=True, connect_args=arguments)


def _open_sqlite(url: URL) -> tuple[Engine, Engine, Engine]:
    # mode=rw: a database that went away is an error, not an empty one made in its place.
    file = f"file:{quote(str(url.database))}?mode=rw"
    common: dict[str, Any] = {
        "creator": lambda: sqlite3.connect(file, uri=True, check_same_thread=False),
        "hide_parameters": True, "poolclass": NullPool,
    }  # fmt: skip
    reading, single = (create_engine(url, isolation_level="AUTOCOMMIT", **common) for _ in range(2))
    pragmas = ["foreign_keys=ON", f"busy_timeout={LOCK_TIMEOUT_MS}", "cache_size=-8000", "temp_store=MEMORY"]
    _on_connect(reading, [*pragmas, "query_only=ON"])
    writing = create_engine(url, **common)
    for engine in (writing, single):
        # NORMAL: a commit gives the log to the kernel; `_reach_the_disk` waits for it when others may write again.
        _on_connect(engine, ["journal_mode=WAL", "synchronous=NORMAL", *pragmas])
    return reading, writing, single


def _reach_the_disk(wal: str) -> None:
    """Waits until all that is in the write-ahead log is on the disk: what SQLite's `synchronous=FULL` does, but not
    while it holds the lock, so that the commits of several processes reach the disk together."""
    try:
        descriptor = os.open(wal, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return  # the last connection was closed, and what was in it stands in the database itself
    try:
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)


def _on_connect(engine: Engine, pragmas: list[str]) -> None:
    def prepare(connection: Any, _record: Any) -> None:
        # The driver must not open transactions of its own: they are ours (else two writers lose updates).
        connection.isolation_level = None
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    event.listen(engine, "connect", prepare)


def _open_postgresql(url: URL) -> tuple[Engine, Engine, Engine]:
    limits = f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c lock_timeout={LOCK_TIMEOUT_MS} -c timezone=UTC"
    url = _psycopg(url)

    def opened(url: URL, options: str, **more: Any) -> Engine:
        arguments = {**_arguments(url, options), "prepare_threshold": 2, "autocommit": True}
        return create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=arguments, **more)

    reading = opened(_of_readers(url), f"{limits} -c default_transaction_read_only=on", isolation_level="AUTOCOMMIT")
    single = opened(url, f"{limits} -c synchronous_commit=off", isolation_level="AUTOCOMMIT")
    return reading, opened(url, limits), single


def _arguments(url: URL, options: str) -> dict[str, Any]:
    """What goes beside the URL: of its own `options`, ours win where both say something."""
    theirs = str(url.query.get("options", ""))
    return {"options": f"{theirs} {options}".strip(), "connect_timeout": url.query.get("connect_timeout", 3)}


def _of_readers(url: URL) -> URL:
    """Read-only is what libpq takes our own option for: readers ask for the primary, which is what was meant."""
    meant = url.query.get("target_session_attrs") == "read-write"
    return url.update_query_dict({"target_session_attrs": "primary"}) if meant else url


def _psycopg(url: URL) -> URL:
    return url.set(drivername="postgresql+psycopg")
