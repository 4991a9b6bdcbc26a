"""What must be exact, or act at once, on any number of processes."""

from __future__ import annotations

import contextlib
import subprocess
import sys

from kit.stored.rows import TENANT
from sqlalchemy import select

from ostiary.clock import FixedClock
from ostiary.store.engine import Store
from ostiary.store.leases import give_lease_back, take_lease
from ostiary.store.tables import SettingDocument, table_of
from ostiary.store.tenancy import LATELY_MS, Tenancy, touch

COUNTING = """
import sys
from ostiary.errors import DomainError
from ostiary.store.counters import ExactLimit, count_exactly
from ostiary.store.engine import Store

url, tenant_id = sys.argv[1:]
store, limit = Store(url), ExactLimit("sign_in_user", 11, 60, 60)
print("ready", flush=True)
sys.stdin.readline()
let_in = 0
for _ in range(20):
    with store.write() as work:
        let_in += count_exactly(work, tenant_id, limit, "somebody", 1_000_000) == 0
print(let_in)
"""


def test_two_processes_together_let_in_exactly_as_many_as_the_limit_says(store: Store) -> None:
    url = store.url
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", COUNTING, url, TENANT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:  # both at once
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    let_in = [int(process.communicate(timeout=60)[0]) for process in processes]
    assert sum(let_in) == 11


def test_a_change_acts_on_the_next_request_of_another_replica(store: Store) -> None:
    documents = table_of(SettingDocument)
    other = Store(store.url)
    here, there = Tenancy(FixedClock()), Tenancy(FixedClock())
    loads = []

    def read(replica: Store, tenancy: Tenancy) -> bytes:
        with replica.read() as work:
            tenant = tenancy.find(work, TENANT)
            assert tenant is not None

            def load() -> bytes:
                loads.append(tenancy)
                row = work.row(select(documents.c.document).where(documents.c.tenant_id == TENANT))
                return bytes(row.document) if row else b"default"

            return tenant.cached("setting", load)

    assert [read(store, here), read(other, there), read(other, there)] == [b"default"] * 3
    assert loads == [here, there], "what is cached is not loaded again"
    with store.write() as work:
        work.add(SettingDocument(tenant_id=TENANT, name="x", document=b"changed", modified_at=1))
        touch(work, TENANT)
    assert [read(other, there), read(store, here)] == [b"changed"] * 2
    other.close()


def test_a_change_that_is_rolled_back_leaves_every_cache_alone(store: Store) -> None:
    tenancy = Tenancy(FixedClock())
    with store.read() as work:
        before = tenancy.find(work, TENANT)
    with contextlib.suppress(InterruptedError), store.write() as work:
        touch(work, TENANT)
        raise InterruptedError
    with store.read() as work:
        assert tenancy.find(work, TENANT) is before


def test_what_was_found_lately_is_known_without_asking_and_for_no_longer(store: Store) -> None:
    clock = FixedClock()
    tenancy = Tenancy(clock)
    assert tenancy.lately(TENANT) is None
    with store.read() as work:
        found = tenancy.find(work, TENANT)
    clock.advance((LATELY_MS - 1) / 1000)
    assert tenancy.lately(TENANT) is found
    clock.advance(0.001)
    assert tenancy.lately(TENANT) is None
    clock.advance(-10)
    assert tenancy.lately(TENANT) is None, "a clock that was set back makes nothing young again"


def test_a_lease_belongs_to_one_until_it_runs_out_or_is_given_back(store: Store) -> None:
    def take(holder: str, now_ms: int) -> bool:
        with store.write() as work:
            return take_lease(work, "cleaner", holder, now_ms, 1_000)

    assert take("a", 0)
    assert not take("b", 999)
    assert take("a", 999), "its own it may prolong"
    assert not take("b", 1_998)
    assert take("b", 1_999)
    with store.write() as work:
        give_lease_back(work, "cleaner", "a")
    assert not take("a", 2_000), "nobody gives back what another one holds"
    with store.write() as work:
        give_lease_back(work, "cleaner", "b")
    assert take("a", 2_000)
