"""Database errors, translated to domain errors: nothing above the store knows drivers.

A request gets "unavailable" where the database is away, full, locked or read-only, "conflict" where another change came
first, and "invalid" for what cannot be stored. Operators get the driver's own words as well (`told_to_operators`).
"""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from ostiary.errors import DomainError, conflict, invalid, unavailable

AWAY = "The database cannot be reached at the moment."
READ_ONLY = "The database takes no changes at the moment: it is read-only."
RETRY_READ_ONLY_S = 5
"""The time after which a client may try again: a database that was made read-only is not writable again within a
second."""
HARMLESS = (
    DomainError, IntegrityError, DataError, sqlite3.IntegrityError, psycopg.IntegrityError, psycopg.DataError,
)  # fmt: skip
"""The errors that concern a request or a row, and not the connection."""
_AWAY = (OperationalError, PoolTimeout, sqlite3.OperationalError, psycopg.OperationalError)
"""SQLAlchemy's own errors, and the drivers' where they are asked without it (`store.prepared`)."""
_ENDED = (psycopg.errors.IdleInTransactionSessionTimeout, psycopg.errors.TransactionTimeout)
"""Limits of the operator's own database; psycopg counts them as internal errors."""
_RACES = {"23503", "23505", "SQLITE_CONSTRAINT_FOREIGNKEY", "SQLITE_CONSTRAINT_PRIMARYKEY", "SQLITE_CONSTRAINT_UNIQUE"}


class SessionError(Exception):
    """The database gives us sessions that are not what was asked for; the message says in one sentence what to do."""


def is_silence(error: BaseException) -> bool:
    """Whether a new connection was waited for in vain: the database would say nothing to others either."""
    return isinstance(getattr(error, "orig", None) or error, psycopg.errors.ConnectionTimeout)


@contextmanager
def translated(*, may_write: bool = True) -> Iterator[None]:
    """Raises what a driver's error means. `may_write` is false on connections that we ourselves hold read-only: a
    change that is refused there is a fault of ours."""
    try:
        yield
    except Exception as error:
        translate(error, may_write=may_write)
        raise


def translate(error: BaseException, *, may_write: bool = True) -> None:
    """Raises what a driver's error means; returns when it is none, or one that nobody foresaw."""
    original = getattr(error, "orig", None) or error
    if isinstance(error, IntegrityError | sqlite3.IntegrityError | psycopg.IntegrityError):
        if _is_race(original):
            raise conflict("CONFLICT", "Another change came first; read again and repeat.") from error
    elif isinstance(original, psycopg.errors.DeadlockDetected):
        raise conflict("CONFLICT", "Another change came first; read again and repeat.") from error
    elif _is_read_only(original):
        if may_write:
            raise unavailable("STORE_READ_ONLY", READ_ONLY, RETRY_READ_ONLY_S) from error
    elif (
        isinstance(error, _AWAY)
        or isinstance(original, (*_ENDED, SessionError))
        or (isinstance(error, DBAPIError) and error.connection_invalidated)
    ):
        raise unavailable("STORE_UNAVAILABLE", AWAY) from error
    elif isinstance(error, DataError | psycopg.DataError):
        # What PostgreSQL cannot hold: a NUL in a text, a number beyond 64 bits.
        raise invalid("UNSTORABLE_VALUE", "A value holds a NUL character or is out of range.") from error


def refused_by_the_file_system(error: OSError) -> DomainError:
    """Returns the error for a database file that cannot be opened, locked or written to disk."""
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return unavailable("STORE_READ_ONLY", READ_ONLY, RETRY_READ_ONLY_S)
    return unavailable("STORE_UNAVAILABLE", AWAY)


def told_to_operators(error: DomainError) -> str:
    """Returns the message with its cause: operators may see what clients must not, and need it to repair the
    database."""
    cause: object = getattr(error.__cause__, "orig", None) or error.__cause__
    if isinstance(cause, SessionError):
        return str(cause)
    return f"{error.message} ({str(cause).splitlines()[0]})" if cause and str(cause) else error.message


def _is_race(original: BaseException) -> bool:
    """Whether another row was there first, or the row referred to went; what is left is a fault of ours."""
    code = getattr(original, "sqlstate", None) or getattr(original, "sqlite_errorname", "")
    return code in _RACES


def _is_read_only(original: BaseException) -> bool:
    return isinstance(original, psycopg.errors.ReadOnlySqlTransaction) or str(
        getattr(original, "sqlite_errorname", "")
    ).startswith("SQLITE_READONLY")
