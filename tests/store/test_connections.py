"""The reading connections: handed out, given back, replaced when they break, and never more than there are."""

from __future__ import annotations

import threading

import pytest
from kit.servers.installation import Installation
from sqlalchemy import bindparam, select

from ostiary.errors import DomainError
from ostiary.store.engine import Store
from ostiary.store.prepared import Prepared
from ostiary.store.tables import Tenant, table_of
from ostiary.store.tenancy import SYSTEM_ID

TENANTS = table_of(Tenant)
STATEMENT = select(
    TENANTS.c.id, TENANTS.c.is_default, TENANTS.c.parent_id, TENANTS.c.created_at,
    (TENANTS.c.kind == "system").label("own"),
).where(TENANTS.c.id == bindparam("of_tenant"), TENANTS.c.state == "enabled")  # fmt: skip


@pytest.mark.parametrize("tenant", [SYSTEM_ID, "unknown", "it's", "100%s"])
def test_a_prepared_statement_answers_what_core_answers(installation: Installation, tenant: str) -> None:
    asked = Prepared(STATEMENT)
    with installation.runtime.store.read() as work:
        fast = [row._asdict() for row in work.rows(asked, {"of_tenant": tenant})]
        slow = [row._asdict() for row in work.rows(STATEMENT, {"of_tenant": tenant})]
    assert fast == slow
    assert [type(value) for row in fast for value in row.values()] == [
        type(value) for row in slow for value in row.values()
    ]


def test_readers_see_what_was_committed_a_moment_ago(installation: Installation) -> None:
    store, asked = installation.runtime.store, Prepared(select(TENANTS.c.name))
    with store.read() as outer:
        before = {row.name for row in outer.rows(asked)}
        installation.new_tenant("newcomer")
        after = {row.name for row in outer.rows(asked)}
    assert after - before == {"newcomer"}


def test_a_fault_costs_one_connection_and_no_place(installation: Installation) -> None:
    store = Store(installation.runtime.settings.database_url, readers=1)

    def break_off() -> None:
        with store.read() as work:
            work.row(Prepared(STATEMENT), {"of_tenant": SYSTEM_ID})
            raise ZeroDivisionError

    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            break_off()
        with store.read() as work:
            assert work.row(Prepared(STATEMENT), {"of_tenant": SYSTEM_ID}) is not None
    store.close()


def test_whoever_finds_no_connection_in_time_is_told_to_come_back(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ostiary.store.drivers.connections.TIMEOUT_S", 0.2)
    store = Store(installation.runtime.settings.database_url, readers=1)
    refused: list[DomainError] = []

    def second() -> None:
        try:
            with store.read():
                pass
        except DomainError as error:
            refused.append(error)

    with store.read():
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(10)
    assert [error.reason for error in refused] == ["STORE_BUSY"]
    with store.read() as work:
        assert work.row(Prepared(STATEMENT), {"of_tenant": SYSTEM_ID}) is not None
    store.close()
