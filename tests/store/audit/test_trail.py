"""The audit ledger read back: in order, each record once, whatever comes meanwhile."""

from __future__ import annotations

from itertools import islice

import pytest
from kit.servers.installation import Installation

from ostiary.audit.event import Event, record
from ostiary.audit.trail import PAGE, SETTLED_MS, events, followed


def put(made: Installation, *moments: int, tenant_id: str = "") -> None:
    with made.runtime.store.write() as work:
        for at in moments:
            record(work, at, Event(tenant_id or made.tenant_id, "appid.x.update", target_id=str(at)))


@pytest.mark.parametrize("count", [0, 1, PAGE - 1, PAGE, PAGE + 1])
def test_pages_join_without_a_seam(installation: Installation, count: int) -> None:
    put(installation, *[5] * count)
    assert len({row.id for row in events(installation.runtime.store, 5, 6)}) == count


def test_from_here_to_before_there_of_one_tenant_or_of_all(installation: Installation) -> None:
    other = installation.new_tenant("other")
    put(installation, 3, 1, 2)
    put(installation, 2, tenant_id=other)
    store = installation.runtime.store
    assert [row.at for row in events(store, 1, 3)] == [1, 2, 2]
    assert [row.at for row in events(store, 2, 4, installation.tenant_id)] == [2, 3]
    assert [row.at for row in events(store, 0, 9, other)] == [2]


def test_who_follows_gets_each_record_once_also_one_that_was_late(installation: Installation) -> None:
    clock = installation.clock
    begun = clock.now_ms()
    put(installation, begun)
    turns = iter(range(100))

    def pause() -> None:
        turn = next(turns)
        if turn == 0:
            put(installation, begun + 2)
        if turn == 1:
            put(installation, begun + 1)  # its transaction took longer, but not as long as SETTLED_MS
        clock.advance(SETTLED_MS / 3000)

    seen = [row.at for row in islice(followed(installation.runtime.store, clock, begun, pause=pause), 3)]
    assert seen == [begun, begun + 1, begun + 2]
