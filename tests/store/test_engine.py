"""What the store promises: no lost update, no write by a reader, whole transactions, errors that name no driver."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from kit.servers.databases import PostgresServer, make_schema, postgres_server
from kit.stored.rows import TENANT, tenant
from sqlalchemy import bindparam, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from ostiary.errors import DomainError, Kind, denied
from ostiary.store.engine import Store
from ostiary.store.prepared import prepared
from ostiary.store.tables import SettingDocument, Tenant, table_of

TENANTS = table_of(Tenant)
ADD_ONE = prepared(
    update(TENANTS).where(TENANTS.c.id == bindparam("of_tenant")).values(generation=TENANTS.c.generation + 1)
)
THREADS, TIMES = 16, 5


def generation(store: Store) -> int:
    with store.read() as work:
        row = work.row(select(TENANTS.c.generation).where(TENANTS.c.id == TENANT))
    assert row is not None
    return int(row.generation)


def test_sixteen_threads_that_add_one_lose_no_update(store: Store) -> None:
    failures: list[BaseException] = []
    start = threading.Barrier(THREADS)

    def add() -> None:
        start.wait()
        try:
            for _ in range(TIMES):
                with store.write() as work:
                    row = work.get(Tenant, TENANT, lock=True)  # lock, read, change
                    assert row is not None
                    row.generation += 1
        except BaseException as error:  # noqa: BLE001 - the assertion below shows it
            failures.append(error)

    threads = [threading.Thread(target=add) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert generation(store) == 1 + THREADS * TIMES


def test_the_database_refuses_a_write_by_a_reader(store: Store) -> None:
    # Not our check but the connection's: nothing in Python can forget it.
    with pytest.raises((DomainError, DBAPIError)), store.read() as work:
        work.run(update(TENANTS).values(display_name="changed"))
    with store.read() as work:
        assert work.row(select(TENANTS.c.display_name).where(TENANTS.c.display_name == "changed")) is None


def test_a_reader_sees_what_was_committed_before_each_statement(store: Store) -> None:
    seen = []
    with store.read() as reading:
        for name in ("first", "second"):
            with store.write() as writing:
                writing.run(update(TENANTS).values(display_name=name))
            row = reading.row(select(TENANTS.c.display_name))
            seen.append(row.display_name if row else None)
    assert seen == ["first", "second"]


@pytest.mark.parametrize("keep_changes", [True, False])
def test_a_refusal_rolls_back_unless_it_keeps_its_changes(store: Store, keep_changes: bool) -> None:
    def refuse() -> None:
        with store.write() as work:
            row = work.get(Tenant, TENANT, lock=True)
            assert row is not None
            row.generation = 7  # not flushed: what the session still holds counts too
            raise denied("WRONG_PASSWORD", "counted all the same", keep_changes=keep_changes)

    with pytest.raises(DomainError):
        refuse()
    assert generation(store) == (7 if keep_changes else 1)


def test_a_refusal_half_way_leaves_nothing(store: Store) -> None:
    def half_way() -> None:
        with store.write() as work:
            work.add(tenant("other", "other"))
            work.add(tenant("third", "other"))

    with pytest.raises(DomainError):
        half_way()
    with store.read() as work:
        assert [row.id for row in work.rows(select(TENANTS.c.id))] == [TENANT]


@pytest.mark.parametrize(
    "row",
    [
        {"id": TENANT, "name": "other", "name_key": "other"},
        {"id": "other", "name": "other", "name_key": "acme"},
        {"id": "other", "name": "other", "name_key": "other", "parent_id": "nobody"},
    ],
    ids=["taken key", "taken name", "no such parent"],
)
def test_what_a_constraint_refuses_is_a_conflict_that_names_no_table(store: Store, row: dict[str, str]) -> None:
    full = {**tenant("other", "other").model_dump(), **row}
    with pytest.raises(DomainError) as refused, store.write() as work:
        work.run(insert(TENANTS), full)
    assert refused.value.kind is Kind.CONFLICT
    assert not any(word in str(refused.value).lower() for word in ("tenants", "unique", "key", "sql"))


def test_a_row_that_lacks_something_is_our_fault_and_no_conflict(store: Store) -> None:
    with pytest.raises(IntegrityError), store.write() as work:
        work.run(insert(TENANTS), {**tenant("other", "other").model_dump(), "name": None})


def test_rows_go_with_the_row_that_owns_them(store: Store) -> None:
    with store.write() as work:
        work.add(SettingDocument(tenant_id=TENANT, name="x", document=b"", modified_at=1))
    with store.write() as work:
        work.run(TENANTS.delete())
    with store.read() as work:
        assert work.rows(select(table_of(SettingDocument))) == []


def test_an_upsert_says_how_many_rows_it_touched(store: Store) -> None:
    documents = table_of(SettingDocument)
    row = {"tenant_id": TENANT, "name": "x", "document": b"1", "modified_at": 1}
    with store.write() as work:
        statement = work.insert(documents).values(row)
        only_older = documents.c.modified_at < 1
        upsert = statement.on_conflict_do_update(index_elements=["tenant_id", "name"], set_=row, where=only_older)
        assert [work.run(upsert), work.run(upsert)] == [1, 0]


def test_a_transaction_inside_another_one_is_refused_and_does_not_hang(store: Store) -> None:
    with store.write(), pytest.raises(RuntimeError, match="inside another"), store.write():
        pass
    assert generation(store) == 1, "and the store goes on"
    with store.write() as work:
        work.run(update(TENANTS).values(display_name="next"))


def test_an_exhausted_pool_refuses_within_seconds(database: str) -> None:
    make_schema(database)
    small = Store(database, readers=1, writers=1)
    try:
        with small.read(), pytest.raises(DomainError) as refused, small.read():
            pass
        assert (refused.value.kind, refused.value.facts["retry_after"]) == (Kind.UNAVAILABLE, 1)
    finally:
        small.close()


def test_a_statement_that_takes_too_long_is_ended(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    make_schema(url)
    store = Store(url)
    try:
        with store.write() as work:
            work.connection.execute(text("SET LOCAL statement_timeout = '50ms'"))
            with pytest.raises(DBAPIError, match="statement timeout"):
                work.connection.execute(text("SELECT pg_sleep(5)"))
        with store.read() as work:
            limits = [work.row(text(f"SHOW {name}")) for name in ("statement_timeout", "lock_timeout")]
        assert [row[0] for row in limits if row] == ["8s", "4s"]
    finally:
        store.close()


def test_a_database_file_that_went_away_is_unavailable_and_none_is_made_in_its_place(tmp_path: Path) -> None:
    path = tmp_path / "ostiary.sqlite3"
    make_schema(f"sqlite:///{path}")
    store = Store(f"sqlite:///{path}")
    path.rename(tmp_path / "elsewhere")
    for opened in (store.read, store.write):
        with pytest.raises(DomainError) as refused, opened() as work:
            work.rows(select(TENANTS.c.id))
        assert refused.value.kind is Kind.UNAVAILABLE
    assert not path.exists()
    (tmp_path / "elsewhere").rename(path)
    with store.read() as work:
        assert work.rows(select(TENANTS.c.id)) == []
    store.close()


def test_a_stopped_postgresql_is_unavailable_and_comes_back(tmp_path: Path) -> None:
    del tmp_path
    with postgres_server() as server:
        url = server.new_database()
        make_schema(url)
        store = Store(url)
        with store.read() as work:
            assert work.rows(select(TENANTS.c.id)) == []
        server.stop()
        for opened in (store.read, store.write):
            with pytest.raises(DomainError) as refused, opened() as work:
                work.rows(select(TENANTS.c.id))
            assert refused.value.kind is Kind.UNAVAILABLE
            assert str(server.folder) not in refused.value.message
        server.start()
        with store.read() as work:
            assert work.rows(select(TENANTS.c.id)) == []
        store.close()


def test_two_transactions_that_wait_for_each_other_are_a_conflict_and_no_outage(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    make_schema(url)
    store, both_hold_one = Store(url), threading.Barrier(2)
    with store.write() as work:
        work.add(tenant(TENANT, "acme"), tenant("other", "other"))

    def touch(*ids: str) -> str:
        try:
            with store.write() as work:
                for place, one in enumerate(ids):
                    work.run(update(TENANTS).where(TENANTS.c.id == one).values(generation=TENANTS.c.generation + 1))
                    if not place:
                        both_hold_one.wait(10)
        except DomainError as refused:
            return refused.reason
        return "done"

    with ThreadPoolExecutor(2) as threads:
        ends = [threads.submit(touch, TENANT, "other"), threads.submit(touch, "other", TENANT)]
        assert sorted(end.result(20) for end in ends) == ["CONFLICT", "done"]
    store.close()
    postgres.drop(url)


def test_what_was_done_singly_is_there_at_once_and_stays(store: Store) -> None:
    with pytest.raises(DomainError), store.autocommit() as work:  # noqa: PT012 - what stands before the refusal must stay
        work.run(ADD_ONE, {"of_tenant": TENANT})
        assert generation(store) == 2
        work.run(update(TENANTS).where(TENANTS.c.id == TENANT).values(generation=TENANTS.c.generation + 1))
        raise denied("NO", "No.")
    assert generation(store) == 3
    with store.write(), pytest.raises(RuntimeError, match="inside another"), store.autocommit():
        pass


def test_only_what_need_not_be_durable_does_without_the_disk(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    store = Store(url, writers=1)
    for durable, said in ((True, "on"), (False, "off"), (True, "on")):
        with store.write(durable=durable) as work:
            assert work.connection.exec_driver_sql("SHOW synchronous_commit").scalar_one() == said
    with store.autocommit() as work:
        assert work.connection.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "off"
    store.close()
    postgres.drop(url)
