"""Time limits of single questions that no index may answer: far below that of every statement."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from ostiary.store.work import Work

_STEPS = 1_000
"""Instructions of SQLite's virtual machine after which it asks whether it may go on: some tens of microseconds."""


class TimeLimitReached(Exception):
    """A question was given up, since it took longer than it was allowed to."""


@contextmanager
def within(work: Work, seconds: float) -> Iterator[None]:
    """Gives up what is asked inside as soon as it has taken `seconds` in all on SQLite, or a statement of it alone on
    PostgreSQL, and raises TimeLimitReached. For a reading connection, whose statements are no transaction."""
    driver: Any = work.connection.connection.dbapi_connection
    try:
        _begin(driver, seconds)
        try:
            yield
        finally:
            _end(driver)
    except Exception as error:
        original = getattr(error, "orig", None) or error
        if _is_given_up(original):
            raise TimeLimitReached from error
        raise


def _begin(driver: Any, seconds: float) -> None:
    if isinstance(driver, sqlite3.Connection):
        end = time.monotonic() + seconds
        driver.set_progress_handler(lambda: time.monotonic() > end, _STEPS)
    else:
        driver.execute(f"SET statement_timeout = {int(seconds * 1000)}")


def _end(driver: Any) -> None:
    if isinstance(driver, sqlite3.Connection):
        driver.set_progress_handler(None, _STEPS)
    elif not driver.closed:
        driver.execute("RESET statement_timeout")


def _is_given_up(error: BaseException) -> bool:
    interrupted = getattr(error, "sqlite_errorname", "") == "SQLITE_INTERRUPT"
    return interrupted or isinstance(error, psycopg.errors.QueryCanceled)
