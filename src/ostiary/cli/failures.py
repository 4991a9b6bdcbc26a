"""Messages of failed commands: one line on standard error, and an exit code.

Exit codes: 0 done, 1 it failed, 2 the command or the configuration must be changed first, 130 interrupted.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import traceback
from collections.abc import Callable

import click
import psycopg
from sqlalchemy.exc import SQLAlchemyError

from ostiary.access.limits import LimitsError
from ostiary.config import ConfigurationError
from ostiary.errors import DomainError
from ostiary.keys.sealing import MasterKeyError, SealBroken
from ostiary.store.copies import CopyError
from ostiary.store.drivers.failures import SessionError, told_to_operators
from ostiary.store.schema import SchemaError

FAILED, REFUSED, INTERRUPTED = 1, 2, 130


def told(error: Exception) -> int:
    """Says what went wrong; the exit code."""
    for kinds, tell in _WAYS:
        if isinstance(error, kinds):
            return tell(error)
    return _unforeseen(error)


def _interrupted(_: Exception) -> int:
    return _say("interrupted", INTERRUPTED)


def _without_arguments(error: click.exceptions.NoArgsIsHelpError) -> int:
    click.echo(error.format_message(), err=True)
    return REFUSED


def _usage(error: click.UsageError) -> int:
    where = f" (see {error.ctx.command_path} --help)" if error.ctx else ""
    return _say(error.format_message().rstrip(".") + where, REFUSED)


def _stop_writing(_: Exception) -> int:
    """Ends the command without a message: the reader of our output has ended (`| head`), which is no error."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return FAILED


def _system(error: OSError) -> int:
    return _say(f"{error.filename}: {error.strerror}" if error.filename else str(error), FAILED)


def _domain(error: DomainError) -> int:
    """Shows the cause too: operators may see it, unlike clients, and need it to repair the database."""
    return _say(told_to_operators(error), FAILED)


def _database(error: Exception) -> int:
    return _say(f"the database refused: {_first_line(getattr(error, 'orig', None) or error)}", FAILED)


def _unforeseen(error: Exception) -> int:
    """Shows one line to the operator; the whole trace is shown on request."""
    if os.environ.get("OSTIARY_LOG_LEVEL") == "debug":
        traceback.print_exception(error)
    said = f"{type(error).__name__}: {_first_line(error)}"
    return _say(f"unforeseen: {said} (OSTIARY_LOG_LEVEL=debug shows where)", FAILED)


def _with(code: int) -> Callable[[Exception], int]:
    return lambda error: _say(str(error), code)


_WAYS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], Callable[..., int]], ...] = (
    (click.Abort, _interrupted),
    (click.exceptions.NoArgsIsHelpError, _without_arguments),
    (click.UsageError, _usage),
    (click.ClickException, lambda error: _say(error.format_message(), FAILED)),
    ((ConfigurationError, MasterKeyError, LimitsError), _with(REFUSED)),
    (UnicodeEncodeError, lambda _: _say("an argument or a setting is no text in UTF-8", REFUSED)),
    (UnicodeDecodeError, lambda _: _say("standard input is no text in UTF-8", REFUSED)),
    (DomainError, _domain),
    (BrokenPipeError, _stop_writing),
    (OSError, _system),
    ((SchemaError, SessionError, CopyError, SealBroken, sqlite3.Error), _with(FAILED)),
    ((SQLAlchemyError, psycopg.Error), _database),
)
"""Kind of error → how it is shown; the first kind that fits is used."""


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _say(text: str, code: int) -> int:
    click.echo(f"ostiary: {' '.join(text.split())}", err=True)
    return code
