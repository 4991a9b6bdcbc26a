"""Nobody waits for the database without an end: neither for a lock, nor for an answer, nor for a connection."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import pytest
from kit.patience import awaited
from kit.servers.databases import PostgresServer, make_schema
from kit.servers.proxies import Line
from sqlalchemy import select, text

from ostiary.errors import DomainError, Kind
from ostiary.lanes import LaneExecutor
from ostiary.store import engine
from ostiary.store.drivers import postgresql
from ostiary.store.engine import Store
from ostiary.store.tables import Tenant, table_of

TENANTS = select(table_of(Tenant).c.id)


def ended_by(store: Store, *, write: bool = False) -> tuple[str, float]:
    """The reason why a question is refused, empty if it is not, and after how many seconds."""
    began = time.monotonic()
    try:
        with store.write() if write else store.read() as work:
            work.rows(TENANTS)
    except DomainError as error:
        told = error.kind is Kind.UNAVAILABLE and error.facts["retry_after"] > 0
        return error.reason if told else repr(error), time.monotonic() - began
    return "", time.monotonic() - began


@contextmanager
def locked_by_another(store: Store) -> Iterator[None]:
    """Another process, as far as the kernel cares, writes for as long as it likes."""
    descriptor = os.open(f"{store.file}.writers", os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(descriptor)


@pytest.fixture
def kind() -> str:
    """These are about SQLite; a PostgreSQL behind a line has a fixture of its own."""
    return "sqlite"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "LOCK_TIMEOUT_S", 0.5)


def test_a_writers_lock_is_waited_for_four_seconds(store: Store) -> None:
    with locked_by_another(store):
        reason, seconds = ended_by(store, write=True)
    assert reason == "STORE_BUSY"
    assert engine.LOCK_TIMEOUT_S == 4
    assert 3.9 < seconds < 8
    assert ended_by(store, write=True)[0] == ""


@pytest.mark.usefixtures("impatient")
def test_who_gave_up_takes_no_lock_later(store: Store) -> None:
    with locked_by_another(store):
        assert ended_by(store, write=True)[0] == "STORE_BUSY"
        assert ended_by(store, write=True)[0] == "STORE_BUSY"

    def is_free() -> bool:
        descriptor = os.open(f"{store.file}.writers", os.O_RDWR)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(descriptor)
        return True

    awaited(is_free, every=0.01)
    assert ended_by(store, write=True)[0] == ""


def test_a_lock_that_is_given_back_in_time_is_taken(store: Store) -> None:
    with ThreadPoolExecutor(4) as threads:
        with locked_by_another(store):
            waiting = [threads.submit(ended_by, store, write=True) for _ in range(4)]
            time.sleep(0.5)
        assert [each.result(10)[0] for each in waiting] == [""] * 4


@pytest.mark.usefixtures("impatient")
def test_a_flood_of_writers_that_cannot_write_leaves_threads_for_readers(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "LOCK_TIMEOUT_S", 6)
    with closing(Store(store.url, threads=12)) as small, locked_by_another(store):
        lane_executor = LaneExecutor(lanes=4, threads=12)
        early = [lane_executor.submit(ended_by, small, write=True) for _ in range(6)]
        time.sleep(1.2)
        late = [lane_executor.submit(ended_by, small, write=True) for _ in range(200)]
        read = lane_executor.submit(ended_by, small)
        assert read.result(5)[0] == ""
        assert all(each.result(5) < ("STORE_BUSY", 1.0) for each in late), "who comes late is refused at once"
        assert not any(each.done() for each in early), "and those who came early still wait"
        assert [each.result(20)[0] for each in early] == ["STORE_BUSY"] * 6


@pytest.fixture
def line(postgres: PostgresServer) -> Iterator[Line]:
    with Line(postgres).listening() as opened:
        yield opened


@pytest.fixture
def remote(postgres: PostgresServer, line: Line) -> Iterator[Store]:
    url = postgres.new_database()
    make_schema(url)
    with closing(Store(line.url(url))) as store:
        yield store
    postgres.drop(url)


def test_an_answer_of_postgresql_is_waited_for_so_long_and_the_connection_closed(
    remote: Store, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql.Session, "answer_s", 1.0)
    assert [ended_by(remote)[0], ended_by(remote, write=True)[0]] == ["", ""]
    line.silence_open_ones()
    for write in (False, True):
        reason, seconds = ended_by(remote, write=write)
        assert reason == "STORE_UNAVAILABLE"
        assert 0.9 < seconds < 5, "and it is not waited for the end of the transaction as well"
        assert ended_by(remote, write=write)[0] == "", "the next connection is a new one"


def test_the_limit_of_an_answer_lies_between_the_database_and_the_gateway() -> None:
    assert engine.STATEMENT_TIMEOUT_S < postgresql.ANSWER_S < 15


def test_a_server_that_looks_whether_its_database_is_there_finds_dead_connections(remote: Store, line: Line) -> None:
    assert ended_by(remote)[0] == remote.fault() == ""
    line.silence_open_ones()
    began = time.monotonic()
    assert remote.fault() == "the database is away"
    assert time.monotonic() - began < 2 * engine.PROBE_S
    assert remote.fault() == ended_by(remote)[0] == "", "what was as dead as the one that was asked is gone"


def test_who_waits_for_a_frozen_database_keeps_no_lane(remote: Store, line: Line) -> None:
    assert remote.fault() == ""
    line.silent = True
    lane_executor = LaneExecutor(lanes=2, threads=8)
    blocked = [lane_executor.submit(ended_by, remote) for _ in range(4)]
    began = time.monotonic()
    lane_executor.submit(lambda: None).result(5)
    assert time.monotonic() - began < 2
    assert not all(each.done() for each in blocked)
    line.silent = False
    line.silence_open_ones()


def test_migrations_may_take_longer_and_nothing_else(remote: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgresql.Session, "answer_s", 0.5)
    with engine.migrating(remote.url).begin() as connection:
        connection.execute(text("SELECT pg_sleep(1)"))
    with pytest.raises(DomainError), remote.read() as work:
        work.rows(text("SELECT pg_sleep(1)"))
    remote.tidy(table_of(Tenant))


def test_connections_that_nobody_used_for_a_while_are_closed(remote: Store) -> None:
    def sessions() -> int:
        asked = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        with remote.read() as work:
            row = work.row(asked)
        assert row is not None
        return int(row[0])

    hold = threading.Barrier(6)

    def read() -> None:
        with remote.read() as work:
            work.rows(TENANTS)
            hold.wait(10)

    with ThreadPoolExecutor(6) as threads:
        for each in [threads.submit(read) for _ in range(6)]:
            each.result(20)
    assert sessions() == 6
    remote.drop_unused()
    assert sessions() == 6, "they were used since the last look"
    remote.drop_unused()
    assert awaited(lambda: sessions() == 1)
