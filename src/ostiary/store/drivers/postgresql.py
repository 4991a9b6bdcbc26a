"""PostgreSQL: opens the database, and enforces time limits on its sessions.

A session has limits in the server (`statement_timeout`, `lock_timeout`) and, since an unreachable server, network or
proxy enforces none, others on our side: no thread waits longer than ANSWER_S for an answer, and a connection without an
answer is closed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import NullPool

from ostiary.lanes import blocking
from ostiary.store.drivers.failures import SessionError

ANSWER_S = 9.0
"""The time after which a connection without an answer is closed: longer than the server's own limit, so that its error
is received; shorter than the gateway's, so that the caller gets our 503 and not its 504."""
MOMENT_S = 0.1
"""A thread that waits for longer lets another one work in its place."""
CONNECT_S = 3
_LINE = {
    "connect_timeout": CONNECT_S,
    "keepalives": 1, "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3,
    "tcp_user_timeout": int(ANSWER_S * 1000),
}  # fmt: skip
"""The settings of libpq and the kernel for a host that does not answer; parameters in the database URL have
priority."""
_ANY = {"statement_timeout": "5s", "timezone": "UTC"}
"""Settings of a session that is opened to ask one thing; it has to have them, like any other."""
_ALLOWED = """
SELECT sum(CASE name WHEN 'max_connections' THEN setting::int ELSE -setting::int END) FROM pg_settings
WHERE name IN ('max_connections', 'superuser_reserved_connections', 'reserved_connections')
"""
POOLER = "connect to PostgreSQL itself, or through a pooler in session mode that passes `options` on"


class Session(psycopg.Connection[Any]):
    """A connection that waits `answer_s` seconds for an answer, and closes itself then; None: for ever."""

    answer_s: float | None = ANSWER_S

    def wait(self, gen: Any, interval: float = MOMENT_S, timeout: float | None = None) -> Any:
        """Waits for the server; psycopg calls it."""
        if self.answer_s is None or timeout is not None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, MOMENT_S)
        except errors._WaitTimeout:  # noqa: SLF001 - there is no public name for it
            pass
        with blocking:
            try:
                return super().wait(cast("Any", _Resumed(gen)), interval, self.answer_s - MOMENT_S)
            except errors._WaitTimeout:  # noqa: SLF001 - as above
                # At once: the code that ends the transaction would wait as long again.
                self.pgconn.finish()
                raise psycopg.OperationalError(f"the database gave no answer within {self.answer_s:g} s") from None


class _Resumed:
    """A generator of psycopg that can be waited for again: it is suspended at a `yield` and must be told that nothing
    was received."""

    __slots__ = ("_generator", "send")

    def __init__(self, generator: Any) -> None:
        self._generator = generator
        self.send = generator.send

    def __iter__(self) -> _Resumed:
        return self

    def __next__(self) -> Any:
        return self._generator.send(0)


def open_postgresql(url: str, statement_timeout_s: int, lock_timeout_s: int) -> tuple[Engine, Engine, Engine]:
    """Engines that read, that write a transaction, and that write each statement by itself."""
    limits = {"statement_timeout": f"{statement_timeout_s}s", "lock_timeout": f"{lock_timeout_s}s", "timezone": "UTC"}
    reading = _connector(url, {**limits, "default_transaction_read_only": "on"})
    single = _connector(url, {**limits, "synchronous_commit": "off"})
    return (
        _engine(reading, isolation_level="AUTOCOMMIT"),
        _engine(_connector(url, limits)),
        _engine(single, isolation_level="AUTOCOMMIT"),
    )


def migrating_postgresql(url: str, lock_timeout_s: int) -> Engine:
    """Opens a connection for schema changes: statements may take as long as they need."""
    asked = {"lock_timeout": f"{lock_timeout_s}s", "timezone": "UTC"}
    connect = _connector(url, asked)

    def patiently() -> Session:
        session = connect()
        session.answer_s, session.autocommit = None, False  # SQLAlchemy begins and ends the one transaction
        return session

    return _engine(patiently)


def check_sessions(url: str) -> None:
    """Raises SessionError where two connections share one session of the server: a pooler in transaction mode, which
    loses what belongs to a session."""
    connect = _connector(url, _ANY)
    first, second = connect(), connect()
    try:
        for _ in range(3):  # a pooler may choose between sessions that are free
            if _process_of(first) == _process_of(second):
                raise SessionError(
                    f"the database's pooler shares sessions between connections (transaction mode): {POOLER}"
                )
    finally:
        first.close()
        second.close()


@contextmanager
def patient(session: Session, answer_s: float | None) -> Iterator[None]:
    """The session waits for so many seconds inside."""
    before, session.answer_s = session.answer_s, answer_s
    try:
        yield
    finally:
        session.answer_s = before


@contextmanager
def unlimited(session: Session) -> Iterator[None]:
    """Statements take as long as they take inside."""
    with patient(session, None):
        session.execute("SET statement_timeout = 0", prepare=False)
        try:
            yield
        finally:
            session.execute("RESET statement_timeout", prepare=False)


def allowed_connections(url: str) -> int:
    """Returns the number of connections that the database allows to all users who are not superusers, together."""
    session = _connector(url, _ANY)()
    try:
        row = session.execute(_ALLOWED, prepare=False).fetchone()
    finally:
        session.close()
    return int(row[0]) if row else 0


def is_writable(session: Any) -> bool:
    """Whether a transaction that begins now may write: neither a standby nor made read-only."""
    return bool(session.execute("SHOW transaction_read_only").fetchone()[0] == "off")


def _engine(connect: Callable[[], Session], **more: Any) -> Engine:
    # SQLAlchemy asks psycopg for nothing but the dialect: libpq reads the URL, which knows forms of it that SQLAlchemy
    # does not.
    return create_engine("postgresql+psycopg://", creator=connect, poolclass=NullPool, hide_parameters=True, **more)


def _connector(url: str, asked: Mapping[str, str]) -> Callable[[], Session]:
    """Returns the function that opens sessions with the settings that are `asked` for."""
    given = connection_parameters(url)
    options = " ".join([given.pop("options", ""), *(f"-c {name}={value}" for name, value in asked.items())]).strip()
    if asked.get("default_transaction_read_only") == "on" and given.get("target_session_attrs") == "read-write":
        given["target_session_attrs"] = "primary"  # libpq takes a session for read-only that only we made so

    def connect() -> Session:
        try:
            session = Session.connect(**{**_LINE, **given}, options=options, prepare_threshold=2, autocommit=True)
        except psycopg.OperationalError as error:
            if "unsupported startup parameter" in str(error):
                raise SessionError(f"the database's pooler refuses `options`: {POOLER}") from error
            raise
        try:
            _check_settings(session, asked)
        except BaseException:
            session.close()
            raise
        return session

    return connect


def connection_parameters(url: str) -> dict[str, Any]:
    """Returns the connection parameters that libpq reads in the URL: several hosts, `target_session_attrs`, `sslmode`
    and all others. Raises SessionError for an unknown one."""
    try:
        return dict(conninfo_to_dict(url.replace("postgresql+psycopg://", "postgresql://", 1)))
    except psycopg.ProgrammingError as error:
        raise SessionError(f"the database URL is not one that PostgreSQL's library knows: {error}") from None


def _check_settings(session: Session, asked: Mapping[str, str]) -> None:
    if not asked:
        return
    names = list(asked)
    row = session.execute(f"SELECT {', '.join('current_setting(%s)' for _ in names)}", names, prepare=False).fetchone()
    found = dict(zip(names, row or (), strict=False))
    wrong = [f"{name} is {found.get(name)} instead of {value}" for name, value in asked.items() if found[name] != value]
    if wrong:
        raise SessionError(f"the database's sessions are not what was asked for ({', '.join(wrong)}): {POOLER}")


def _process_of(session: Session) -> int:
    row = session.execute("SELECT pg_backend_pid()", prepare=False).fetchone()
    return int(row[0]) if row else 0
