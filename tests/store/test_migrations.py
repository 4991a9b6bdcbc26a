"""Migrations: from empty to what the models say, on both databases; and who may run on which schema."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from kit.servers.databases import PostgresServer, make_schema
from sqlalchemy import Connection, inspect, text
from sqlmodel import SQLModel

from ostiary.store import schema

REMEDY = 'migrations and models differ; run: make first-migration (after the first release: make migration NAME="…")'
CATALOGUES = {
    "postgresql": [
        "SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, collation_name, "
        "is_identity, column_default FROM information_schema.columns WHERE table_schema = 'public'",
        "SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public'",
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE connamespace = 'public'::regnamespace",
    ],
    "sqlite": [
        "SELECT m.name, c.name, c.type, c.\"notnull\", c.dflt_value, c.pk FROM sqlite_master m, "
        "pragma_table_info(m.name) c WHERE m.type = 'table'",
        "SELECT tbl_name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
        "SELECT m.name, i.\"unique\", i.origin, x.seqno, x.name FROM sqlite_master m, pragma_index_list(m.name) i, "
        "pragma_index_info(i.name) x WHERE m.type = 'table'",
        "SELECT m.name, f.\"from\", f.\"table\", f.\"to\", f.on_delete FROM sqlite_master m, "
        "pragma_foreign_key_list(m.name) f WHERE m.type = 'table'",
    ],
}  # fmt: skip


def _catalogue(connection: Connection) -> set[tuple[Any, ...]]:
    """Columns with type, length and collation; indexes with their conditions; constraints. Not alembic's own table."""
    queries = CATALOGUES[connection.dialect.name]
    rows = {(number, *row) for number, query in enumerate(queries) for row in connection.execute(text(query))}
    return {row for row in rows if "alembic_version" not in str(row[1])}


@pytest.fixture
def twin(database: str, request: pytest.FixtureRequest) -> str:
    """One more empty database of the same kind."""
    if database.startswith("sqlite"):
        return database.replace(".sqlite3", "-twin.sqlite3")
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database()


def test_migrations_from_empty_make_what_the_models_say(database: str, twin: str) -> None:
    schema.upgrade(database)
    make_schema(twin)
    with schema.migration(database) as migrated, schema.migration(twin) as modelled:
        assert _catalogue(migrated) == _catalogue(modelled), REMEDY
        differences = compare_metadata(MigrationContext.configure(migrated), SQLModel.metadata)
    assert differences == [], REMEDY


def test_the_number_of_the_newest_migration_is_where_an_upgrade_ends(database: str) -> None:
    assert schema.upgrade(database) == (0, schema.newest())
    assert schema.upgrade(database) == (schema.newest(), schema.newest())
    schema.check(database)


@pytest.mark.parametrize(("number", "remedy"), [("0000", "run `ostiary init`"), ("9999", "run a newer release")])
def test_a_server_refuses_a_schema_that_is_not_its_own(database: str, number: str, remedy: str) -> None:
    schema.upgrade(database)
    with schema.migration(database) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :number"), {"number": number})
    with pytest.raises(schema.SchemaError, match=remedy) as refused:
        schema.check(database)
    assert "\n" not in str(refused.value)


def test_a_server_refuses_an_older_schema(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    schema.upgrade(database)
    newest = schema.newest()
    monkeypatch.setattr(schema, "newest", lambda: newest + 1)
    with pytest.raises(schema.SchemaError, match="run `ostiary migrate`"):
        schema.check(database)


def test_an_upgrade_leaves_a_newer_schema_alone(database: str) -> None:
    schema.upgrade(database)
    with schema.migration(database) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(schema.SchemaError, match="newer release"):
        schema.upgrade(database)


def test_checking_does_not_make_a_database(tmp_path: Path) -> None:
    missing = f"sqlite:///{tmp_path}/nothing.sqlite3"
    with pytest.raises(schema.SchemaError, match="ostiary init"):
        schema.check(missing)
    assert list(tmp_path.iterdir()) == []


def test_two_that_migrate_at_once_take_turns(database: str) -> None:
    ends: list[Any] = []
    start = threading.Barrier(2)

    def migrate() -> None:
        start.wait()
        try:
            ends.append(schema.upgrade(database))
        except Exception as error:  # noqa: BLE001 - whatever it is, the assertion shows it
            ends.append(error)

    threads = [threading.Thread(target=migrate) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ends) == [(0, schema.newest()), (schema.newest(), schema.newest())]


def test_a_failed_migration_leaves_nothing(database: str) -> None:
    def half_way() -> None:
        with schema.migration(database) as connection:
            connection.execute(text("CREATE TABLE half (id INTEGER)"))
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        half_way()
    with schema.migration(database) as connection:
        assert not inspect(connection).has_table("half")
