"""Copies of a store, and how they are told from the original.

A store that was rolled back knows nothing of what was revoked since; a server must not start on it before it was
settled (`ostiary.restoring.revocations`). A copy that `ostiary backup` made carries a mark. In PostgreSQL a row knows
the table and the transaction that wrote it: after pg_restore both are others than those recorded in it.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import text

from ostiary.store.installation import read_fact, record_fact
from ostiary.store.schema import check_file
from ostiary.store.tables import Fact, table_of
from ostiary.store.work import Work

COPIED_AT, ORIGIN = "copied_at", "origin"
_WRITTEN_BY = text(
    "SELECT value, tableoid::oid::text || ':' || xmin::text AS origin FROM installation WHERE name = :name"
)
_NOW = text("SELECT 'installation'::regclass::oid::text || ':' || pg_current_xact_id()::xid::text AS origin")


class CopyError(Exception):
    """The store is a copy of another one; the message says in one line what to do."""


def check_original(work: Work) -> None:
    """Raises CopyError when this store was restored or copied and not settled since."""
    if read_fact(work, COPIED_AT) is not None or _was_rewritten(work):
        raise CopyError(
            "this store was restored from a backup or moved: run `ostiary restore` (see --help), so that what was "
            "revoked since stays dead"
        )


def declare_original(work: Work) -> None:
    """Marks this store as the original."""
    facts = table_of(Fact)
    work.run(facts.delete().where(facts.c.name == COPIED_AT))
    if _is_postgresql(work):
        row = work.row(_NOW)
        record_fact(work, ORIGIN, row.origin if row else "")


def copy_sqlite(source: Path, target: Path, now_ms: int) -> None:
    """An online copy of a SQLite database, all of one moment, marked as a copy; never half of one, and readable by its
    owner only. Writers of `source` are not held up.

    Raises FileExistsError when `target` exists, SchemaError when `source` is no SQLite
    database, and CopyError when it is damaged or there is no room.
    """
    if not source.exists():
        raise CopyError(f"there is no file {source}")
    check_file(source)
    part = target.with_name(f"{target.name}.part")
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        with closing(_reading(source)) as original, closing(sqlite3.connect(part)) as copy:
            _copy(original, copy, now_ms)
        part.replace(target)
    except sqlite3.DatabaseError as error:
        part.unlink(missing_ok=True)
        target.unlink(missing_ok=True)
        raise CopyError(_reason(source, target, error)) from error
    except BaseException:
        part.unlink(missing_ok=True)
        target.unlink(missing_ok=True)
        raise


def _copy(original: sqlite3.Connection, copy: sqlite3.Connection, now_ms: int) -> None:
    original.backup(copy)
    (verdict,) = copy.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise sqlite3.DatabaseError(verdict)
    copy.execute("PRAGMA journal_mode=DELETE")
    copy.execute("INSERT OR REPLACE INTO installation (name, value) VALUES (?, ?)", (COPIED_AT, str(now_ms)))
    copy.commit()


def _reason(source: Path, target: Path, error: sqlite3.DatabaseError) -> str:
    if isinstance(error, sqlite3.OperationalError):
        if "no such table" in str(error):
            return f"{source} holds no installation"
        return f"cannot copy {source} to {target}: {error}"
    return f"{source} is damaged, or a part of it is missing ({error})"


def _reading(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)


def _was_rewritten(work: Work) -> bool:
    if not _is_postgresql(work):
        return False
    row = work.row(_WRITTEN_BY, {"name": ORIGIN})
    return row is None or row.value != row.origin


def _is_postgresql(work: Work) -> bool:
    return work.connection.dialect.name == "postgresql"
