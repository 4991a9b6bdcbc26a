"""Sessions of PostgreSQL are what was asked for, or nothing starts; and a database that takes no changes says so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from kit.servers.command import ostiary, ostiary_here
from kit.servers.databases import PostgresServer, make_schema
from kit.servers.ports import free_port
from kit.servers.proxies import Line, RefusingOptions, SharedSession, WithoutOptions
from sqlalchemy import select, text, update

from ostiary.errors import DomainError
from ostiary.store import schema
from ostiary.store.drivers.failures import SessionError, told_to_operators
from ostiary.store.drivers.postgresql import allowed_connections, check_sessions
from ostiary.store.engine import Store, migrating
from ostiary.store.tables import Tenant, table_of

TENANTS = table_of(Tenant)


@pytest.fixture
def url(postgres: PostgresServer) -> Iterator[str]:
    made = postgres.new_database()
    make_schema(made)
    yield made
    postgres.drop(made)


def refusal(store: Store, way: str) -> DomainError:
    with pytest.raises(DomainError) as refused, getattr(store, way)() as work:
        work.rows(select(TENANTS.c.id))
    assert "pooler" not in refused.value.message, "clients are told nothing of it"
    return refused.value


@pytest.mark.parametrize("way", ["read", "write", "autocommit"])
def test_a_session_without_its_limits_is_refused_whatever_it_is_for(
    postgres: PostgresServer, url: str, way: str
) -> None:
    with WithoutOptions(postgres).listening() as line, closing(Store(line.url(url))) as store:
        said = told_to_operators(refusal(store, way))
    assert "statement_timeout is 0 instead of 8s" in said
    assert "session mode that passes `options` on" in said
    assert len(said.splitlines()) == 1


def test_a_migration_without_its_limits_is_refused(postgres: PostgresServer, url: str) -> None:
    with (
        WithoutOptions(postgres).listening() as line,
        pytest.raises(SessionError, match="lock_timeout is 0"),
    ):
        migrating(line.url(url)).connect()


@pytest.mark.parametrize("setting", ["statement_timeout = '1min'", "timezone = 'Asia/Tokyo'", "lock_timeout = 0"])
def test_what_the_database_has_of_its_own_yields_to_what_is_asked_for(
    postgres: PostgresServer, url: str, setting: str
) -> None:
    change(postgres, url, f"SET {setting}")
    with closing(Store(url)) as store, store.read() as work:
        assert work.rows(select(TENANTS.c.id)) == []


@pytest.mark.parametrize("command", [["init"], ["migrate"], ["tenant", "list"]])
@pytest.mark.parametrize(
    ("pooler", "words"),
    [
        (WithoutOptions, "ostiary: the database's sessions are not what was asked for ("),
        (RefusingOptions, "ostiary: the database's pooler refuses `options`: connect to PostgreSQL itself"),
    ],
)
def test_a_pooler_that_loses_settings_stops_every_command_in_one_sentence(
    postgres: PostgresServer, url: str, tmp_path: Path, command: list[str], pooler: type[Line], words: str
) -> None:
    with pooler(postgres).listening() as line:
        ended = ostiary_here(*command, cwd=tmp_path, OSTIARY_DATABASE=line.url(url))
    assert ended.code == 1
    assert ended.stderr.startswith(words)
    assert len(ended.stderr.splitlines()) == 1


def test_a_server_does_not_start_behind_such_a_pooler(postgres: PostgresServer, url: str, tmp_path: Path) -> None:
    with WithoutOptions(postgres).listening() as line:
        addresses = {f"OSTIARY_{name}": f"127.0.0.1:{free_port()}" for name in ("LISTEN", "ADMIN_LISTEN")}
        ended = ostiary("serve", cwd=tmp_path, OSTIARY_DATABASE=line.url(url), **addresses)
    assert ended.code == 2
    assert ended.stderr.startswith("ostiary: the database's sessions are not what was asked for (")
    assert len(ended.stderr.splitlines()) == 1


def test_a_pooler_that_shares_sessions_is_found_out(postgres: PostgresServer, url: str) -> None:
    check_sessions(url)
    with SharedSession(postgres).listening() as pooler, pytest.raises(SessionError, match="transaction mode"):
        check_sessions(pooler.url(url))


def test_whoever_makes_or_migrates_an_installation_finds_it_out_first(postgres: PostgresServer, url: str) -> None:
    with SharedSession(postgres).listening() as pooler, pytest.raises(SessionError, match="transaction mode"):
        schema.upgrade(pooler.url(url))


def test_a_read_only_database_is_unavailable_and_not_an_error_of_ours(postgres: PostgresServer, url: str) -> None:
    with closing(Store(url)) as store:
        assert store.fault() == ""
        change(postgres, url, "SET default_transaction_read_only = on")
        for way in ("write", "autocommit"):
            with pytest.raises(DomainError) as refused, getattr(store, way)() as work:
                work.run(update(TENANTS).values(display_name="changed"))
            assert (refused.value.reason, refused.value.facts["retry_after"]) == ("STORE_READ_ONLY", 5)
        with store.read() as work:
            assert work.rows(select(TENANTS.c.id)) == []
        assert store.fault() == "the database is read-only"
        change(postgres, url, "RESET default_transaction_read_only")
        assert store.fault() == ""


def test_several_hosts_are_tried_and_the_writable_one_taken(postgres: PostgresServer, url: str) -> None:
    with Line(postgres).listening() as line:
        name = line.url(url).rpartition("/")[2]
        hosts = f"postgresql://postgres@127.0.0.1:9,127.0.0.1:{line.port}/{name}"
        for more in ("", "?target_session_attrs=read-write", "?target_session_attrs=primary&application_name=ostiary"):
            with closing(Store(hosts + more)) as store:
                for way in (store.read, store.write, store.autocommit):
                    with way() as work:
                        assert work.rows(select(TENANTS.c.id)) == []
            schema.check(hosts + more)
            assert schema.upgrade(hosts + more) == (1, 1)


def test_a_database_that_is_read_only_is_not_taken_for_the_writable_one(postgres: PostgresServer, url: str) -> None:
    change(postgres, url, "SET default_transaction_read_only = on")
    with closing(Store(f"{url}&target_session_attrs=read-write")) as store, pytest.raises(DomainError), store.write():
        pass


def test_options_of_the_url_stand_beside_ours(url: str) -> None:
    with closing(Store(f"{url}&options=-c%20work_mem%3D7MB")) as store, store.read() as work:
        found = [work.row(text(f"SHOW {name}")) for name in ("work_mem", "statement_timeout")]
        assert [row[0] for row in found if row] == ["7MB", "8s"]


def change(postgres: PostgresServer, url: str, how: str) -> None:
    """Changes the database's own settings and ends its sessions."""
    name = url.partition("?")[0].rpartition("/")[2]
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} {how}")
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])


def test_a_process_states_how_many_connections_it_takes_and_the_database_how_many_it_allows(
    postgres: PostgresServer, url: str
) -> None:
    with closing(Store(url)) as store:
        assert store.most_connections == 17
    assert allowed_connections(url) == 200 - 3
