"""Schema of the store: created by migrations, one after another; checked by every process that serves.

Migrations go forward only and keep to expand and contract: the release before must be able to run on the schema of the
one after, so that replicas can be replaced one by one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from ostiary.database_url import shown
from ostiary.store.drivers.failures import translated
from ostiary.store.drivers.postgresql import check_sessions
from ostiary.store.engine import Store, file_of, is_sqlite, migrating, writers_turn

MIGRATIONS = Path(__file__).parent / "migrations"
ADVISORY_LOCK = 0x6F737469617279
"""The PostgreSQL lock of schema changes: any number that nothing else uses; "ostiary" in ASCII."""
LOCK_WAIT = "60s"
_MAGIC = b"SQLite format 3\0"
"""The first bytes of a SQLite database (SQLite documentation, "Database File Format", 1.3.1)."""
_HAS_REVISION = {
    "sqlite": "SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'",
    "postgresql": "SELECT to_regclass('alembic_version')",
}
"""Whether migrations were ever applied, by kind of database: asked at each start, and so without SQLAlchemy's
inspector, which costs more than the rest of the check."""


class SchemaError(Exception):
    """The store's schema is not that of this release; the message says in one line what to do."""


@cache
def newest() -> int:
    """The number of the newest migration that this release knows."""
    return max(int(path.name[:4]) for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def check_file(path: Path) -> None:
    """Raises SchemaError when a file is there that is no SQLite database. An empty one is one."""
    try:
        if path.exists() and not path.is_file():
            raise SchemaError(f"{path} is {'a folder' if path.is_dir() else 'no regular file'}, not a SQLite database")
        with path.open("rb") as file:
            begin = file.read(len(_MAGIC))
    except FileNotFoundError:
        return
    except OSError as error:
        raise SchemaError(f"cannot read {path}: {error.strerror}") from None
    if begin and begin != _MAGIC:
        raise SchemaError(f"{path} is no SQLite database: it does not begin as one (is it compressed, or a dump?)")


def current(url: str, opened: Store | None = None) -> int:
    """The number of the last migration applied to the database; 0 when it is empty. `opened` is its store, if the
    caller has one: creating another takes milliseconds."""
    if _is_missing(url):
        return 0
    if is_sqlite(url):
        check_file(file_of(url))
    if opened is not None:
        with opened.read() as work:
            return _revision(work.connection)
    with closing(Store(url, readers=1, writers=1)) as store:
        return current(url, store)


def check(url: str, opened: Store | None = None) -> None:
    """Raises SchemaError unless the database has exactly the schema of this release; `opened` as in `current`."""
    found, needed = current(url, opened), newest()
    if found == 0:
        raise SchemaError(f"there is no installation in {shown(url)}: run `ostiary init`")
    if found < needed:
        raise SchemaError(f"the schema is at {found:04}, this release needs {needed:04}: run `ostiary migrate`")
    if found > needed:
        raise SchemaError(f"the schema is at {found:04}, this release knows {needed:04}: run a newer release")


def upgrade(url: str) -> tuple[int, int]:
    """Brings the database to the schema of this release, in one transaction, under a lock; makes it when it is missing.

    Returns the numbers of the migrations before and after. Raises SchemaError for a database of a newer release.
    """
    if not is_sqlite(url):
        check_sessions(url)
    with migration(url) as connection:
        before = _revision(connection)
        if before > newest():
            raise SchemaError(f"the schema is at {before:04}, this release knows {newest():04}: run a newer release")
        if before < newest():
            from alembic import command  # not at the top: a worker checks the schema and never needs alembic

            command.upgrade(alembic_config(connection), "head")
            _check_references(connection)
        return before, newest()


@contextmanager
def migration(url: str) -> Iterator[Connection]:
    """A connection in the transaction of the one who may change the schema now; others wait."""
    if is_sqlite(url):
        _make_file(file_of(url))
    engine = migrating(url)
    try:
        with translated(), writers_turn(url), engine.begin() as connection:
            if not is_sqlite(url):
                connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_WAIT}'"))
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
                connection.execute(text("SET LOCAL lock_timeout TO DEFAULT"))
            yield connection
    finally:
        engine.dispose()


def alembic_config(connection: Connection, **attributes: Any) -> Any:
    """Alembic's configuration for this connection."""
    from alembic.config import Config

    return Config(MIGRATIONS / "alembic.ini", attributes={"connection": connection, **attributes})


def _revision(connection: Connection) -> int:
    if connection.exec_driver_sql(_HAS_REVISION[connection.dialect.name]).scalar() is None:
        return 0
    number = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return int(number or 0)


def _check_references(connection: Connection) -> None:
    """SQLite migrates with its foreign keys off, since it alters a table by replacing it."""
    if connection.dialect.name == "sqlite":
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        if broken is not None:
            raise SchemaError(
                f"the migration would leave a row of {broken[0]} without its {broken[2]}; nothing changed"
            )


def _is_missing(url: str) -> bool:
    return is_sqlite(url) and not file_of(url).is_file()


def _make_file(path: Path) -> None:
    """An empty database that nobody else reads; SQLite gives its journal the same mode."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    check_file(path)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
