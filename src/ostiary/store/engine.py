"""Opens the database: one engine that only reads, one that writes, and one that writes single statements.

Readers run in autocommit on connections that the database itself holds read-only, so a GET that tries to write is
refused there. Writers take one transaction, or one for each statement. SQLAlchemy is used for both backends; what
differs is in `store.sqlite` and `store.postgresql`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, Transaction
from sqlalchemy.engine import make_url

from ostiary.caller import check_awaited, own_caller
from ostiary.errors import DomainError
from ostiary.lanes import blocking
from ostiary.store.drivers import postgresql, sqlite
from ostiary.store.drivers.connections import Connections
from ostiary.store.drivers.failures import is_silence, refused_by_the_file_system, translate, translated
from ostiary.store.drivers.turns import Turns
from ostiary.store.drivers.waiting import Outage, Queue
from ostiary.store.work import Work

STATEMENT_TIMEOUT_S = 8
"""The limit of a statement, below the gateway's 15 s, so that the caller gets our 503 and not its 504."""
LOCK_TIMEOUT_S = 4
MIGRATION_WAIT_S = 60
"""The time for which a process that changes the schema, or replaces the database, waits for the writers."""
PROBE_S = 3.0
"""The time in which the database must answer a probe."""
DATABASE_AWAY, DATABASE_READ_ONLY = "the database is away", "the database is read-only"


class Store:
    """The database of one installation.

    `read()`, `write()` and `autocommit()` are the only ways in. They raise `unavailable` when the database is away or
    its pool is exhausted, and `conflict` where a constraint refused a row that no query had foreseen.
    """

    def __init__(self, url: str, *, readers: int = 8, writers: int = 4, threads: int = 48) -> None:
        """`threads` is how many there are in this process that may ask: a third of them may wait for a database that
        does not move, and the others go on."""
        self.url = url
        self.is_sqlite = is_sqlite(url)
        if self.is_sqlite:
            engines = sqlite.open_sqlite(make_url(url), LOCK_TIMEOUT_S * 1000)
        else:
            engines = postgresql.open_postgresql(url, STATEMENT_TIMEOUT_S, LOCK_TIMEOUT_S)
        self.reading, self.writing, single = engines
        self._outage, self._probe_outage = Outage(), Outage()
        self._readers = Connections(self.reading, readers, threads // 6, self._outage)
        self._writers = Connections(self.writing, writers, threads, self._outage)
        self._singles = Connections(single, writers, threads, self._outage)
        self._probe = Connections(self.reading if self.is_sqlite else single, 1, threads, self._probe_outage)
        self._turns = Turns(f"{self.file}.writers") if self.is_sqlite else None
        self.queue = Queue(threads // 2)
        """The limit of threads that wait until they may write, or until their rows are written for them."""
        self._thread = threading.local()

    @property
    def most_connections(self) -> int:
        """The number of connections that this process may have open at once."""
        return sum(connections.size for connections in self._all)

    @cached_property
    def file(self) -> Path:
        """The file of a SQLite database."""
        return file_of(self.url)

    def read(self) -> ReadConnection:
        """Reads committed rows; each statement sees the newest. The database refuses writes."""
        return ReadConnection(self._readers)

    @contextmanager
    def write(self, *, durable: bool = True, awaited: bool = True, queue: bool = True) -> Iterator[Work]:
        """Runs one transaction: return commits, raise rolls back. It must not be nested in another one of the same
        thread.

        Raises STORE_BUSY where others write for longer than LOCK_TIMEOUT_S; at once where many wait for that already,
        unless `queue` is False: for a thread that writes on behalf of those that wait.

        What is committed survives the death of any process. Only a power cut may undo what was not written `durable`,
        which saves the wait for the disk: right for counters of the last minute and for records that no request waits
        for.

        One that is `awaited` is rolled back, with CANCELLED or DEADLINE_EXCEEDED, when the caller of this thread's
        request does not wait any more. What protects an account must not depend on that: it says False.
        """
        caller = own_caller() if awaited else None
        committed = False
        try:
            with translated(), self._alone(), blocking, self._turn(self._writers, queue=queue) as connection:
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
                self._reach_the_disk()

    def _begin(self, connection: Connection, *, durable: bool) -> Transaction:
        """Begins the transaction that SQLAlchemy then ends: neither driver opens transactions of its own on these
        connections."""
        driver: Any = connection.connection.dbapi_connection
        if self.is_sqlite:
            driver.execute(sqlite.IMMEDIATE)
        else:  # one message, whatever is in it
            driver.execute("BEGIN" if durable else "BEGIN; SET LOCAL synchronous_commit TO off", prepare=False)
        return connection.begin()

    @contextmanager
    def autocommit(self) -> Iterator[Work]:
        """Runs each statement as a transaction of its own: its effect stays, whatever is raised afterwards.

        It is no more durable than `write(durable=False)`, and needs a quarter of its round trips: for counters, one
        statement each.
        """
        with translated(), self._alone(), blocking, self._turn(self._singles) as connection:
            yield Work(lambda: connection)

    @contextmanager
    def _turn(self, connections: Connections, *, queue: bool = True) -> Iterator[Connection]:
        with self.queue.joined() if queue else nullcontext(), self._writers_turn():
            connection = connections.take()
            try:
                yield connection
            except BaseException as error:
                connections.give(connection, error)
                raise
            connections.give(connection)

    def _writers_turn(self) -> AbstractContextManager[None]:
        return self._turns.turn(LOCK_TIMEOUT_S) if self._turns else nullcontext()

    def _reach_the_disk(self) -> None:
        try:
            with blocking:
                sqlite.reach_the_disk(f"{self.file}-wal")
        except OSError as error:
            raise refused_by_the_file_system(error) from error

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
            driver: Any = connection.connection.dbapi_connection
            with postgresql.unlimited(driver):
                alone.exec_driver_sql(f"VACUUM (ANALYZE) {names}")

    def fault(self) -> str:
        """Returns what prevents the database from serving, in words for an operator; empty if nothing does.

        If no answer comes within PROBE_S, the unused connections are closed: all of them may be dead. A connection that
        was closed by the database, as by a restart, is replaced and asked again.
        """
        began = time.monotonic()
        fault = self._fault()
        return self._fault() if fault == DATABASE_AWAY and time.monotonic() - began < PROBE_S / 2 else fault

    def _fault(self) -> str:
        try:
            with translated(), self._probing() as driver:
                writable = self._is_writable(driver)
        except DomainError as error:
            self.drop_idle()
            if is_silence(error.__cause__ or error):
                self._outage.begin()
            return DATABASE_AWAY
        self._outage.end()
        return "" if writable else DATABASE_READ_ONLY

    @contextmanager
    def _probing(self) -> Iterator[Any]:
        self._probe_outage.end()
        connection = self._probe.take()
        driver: Any = connection.connection.dbapi_connection
        try:
            with nullcontext() if self.is_sqlite else postgresql.patient(driver, PROBE_S):
                yield driver
        except BaseException as error:
            self._probe.give(connection, error)
            raise
        self._probe.give(connection)

    def _is_writable(self, driver: Any) -> bool:
        if not self.is_sqlite:
            return postgresql.is_writable(driver)
        driver.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()
        return sqlite.is_writable(self.file)

    def drop_idle(self) -> None:
        """Closes every connection that nobody uses."""
        for connections in self._all:
            connections.drop_idle()

    def drop_unused(self) -> None:
        """Closes the connections that nobody has used since the last call."""
        for connections in self._all:
            connections.drop_unused()

    @property
    def _all(self) -> tuple[Connections, ...]:
        return self._readers, self._writers, self._singles, self._probe

    def close(self) -> None:
        """Closes every connection; the store may be used again (needed after a fork)."""
        for connections in self._all:
            connections.close()


class ReadConnection:
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
            translate(error)
            raise
        return Work(lambda: connection)

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self._connections.give(self._connection, error)
        if error is not None:
            translate(error, may_write=False)


def is_sqlite(url: str) -> bool:
    """Whether the database is SQLite; else it is PostgreSQL."""
    return url.startswith("sqlite:")


def file_of(url: str) -> Path:
    """The file of a SQLite database."""
    return Path(str(make_url(url).database))


@contextmanager
def writers_turn(url: str) -> Iterator[None]:
    """Excludes all other writers of a SQLite database, for code that changes or replaces all of it."""
    if not is_sqlite(url):
        yield
        return
    with Turns(f"{file_of(url)}.writers").turn(MIGRATION_WAIT_S):
        yield


def migrating(url: str) -> Engine:
    """Opens a connection for schema changes; its statements may take as long as they need."""
    if is_sqlite(url):
        return sqlite.migrating_sqlite(make_url(url))
    return postgresql.migrating_postgresql(url, LOCK_TIMEOUT_S)
