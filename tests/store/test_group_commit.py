"""The sign-and-commit thread: one commit for many, nothing before it is durable, and no failure outlives its batch."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from kit.servers.databases import refuse_records, take_records
from kit.servers.installation import Installation
from sqlalchemy import event, func, select, update
from sqlalchemy.exc import OperationalError

from ostiary.audit.event import Event, record
from ostiary.caller import set_caller
from ostiary.errors import DomainError
from ostiary.keys.signing import Signer, sign_together, signer_of
from ostiary.lanes import LaneExecutor
from ostiary.oauth.token import group_commit as module
from ostiary.oauth.token.group_commit import GroupCommit
from ostiary.store.tables import AuditEvent, Tenant, table_of
from ostiary.store.work import Work

EVENTS, TENANTS = table_of(AuditEvent), table_of(Tenant)
ECHO = Signer("echo", lambda signed: b"signed " + signed)


def recorded(made: Installation) -> int:
    with made.runtime.store.read() as work:
        row = work.row(select(func.count()).select_from(EVENTS).where(EVENTS.c.action == "test"))
        assert row is not None
        return int(row[0])


def entry(made: Installation) -> Event:
    return Event(made.tenant_id, "test")


def test_an_answer_comes_after_its_row(installation: Installation) -> None:
    group_commit = GroupCommit(installation.runtime.store)
    for count in range(1, 4):
        assert group_commit.sign(ECHO, [b"a", b"b"], 1, entry(installation)) == [b"signed a", b"signed b"]
        assert recorded(installation) == count


def test_what_waits_shares_one_commit(installation: Installation) -> None:
    group_commit = GroupCommit(installation.runtime.store)
    commits: list[object] = []
    event.listen(installation.runtime.store.writing, "commit", commits.append)
    group_commit.append(1, entry(installation))
    begun, hold = threading.Event(), threading.Event()

    def slow(signed: bytes) -> bytes:
        begun.set()
        hold.wait(10)
        return signed

    with ThreadPoolExecutor(33) as threads:
        first = threads.submit(group_commit.sign, Signer("slow", slow), [b"x"], 1)
        assert begun.wait(10)
        many = [threads.submit(group_commit.sign, ECHO, [b"%d" % each], 1, entry(installation)) for each in range(32)]
        while group_commit.waiting < 32:
            hold.wait(0.01)
        hold.set()
        assert first.result(10) == [b"x"]
        assert [each.result(10) for each in many] == [[b"signed %d" % each] for each in range(32)]
    assert (recorded(installation), len(commits)) == (33, 2)


def test_a_failed_signature_fails_its_request_and_not_the_thread(installation: Installation) -> None:
    group_commit = GroupCommit(installation.runtime.store)

    def broken(signed: bytes) -> bytes:
        raise ValueError("no key")

    with pytest.raises(RuntimeError, match="could not be signed"):
        group_commit.sign(Signer("broken", broken), [b"x"], 1, entry(installation))
    assert recorded(installation) == 0
    assert group_commit.sign(ECHO, [b"x"], 1, entry(installation)) == [b"signed x"]


def test_a_key_that_cannot_sign_fails_its_own_request_among_many(installation: Installation) -> None:
    group_commit = GroupCommit(installation.runtime.store)
    begun, hold = threading.Event(), threading.Event()
    real = signer_of("real", generate_private_key(65_537, 2_048))

    def slow(signed: bytes) -> bytes:
        begun.set()
        hold.wait(10)
        return signed

    def broken(signed: bytes) -> bytes:
        raise ValueError("no key")

    with ThreadPoolExecutor(11) as threads:
        first = threads.submit(group_commit.sign, Signer("slow", slow), [b"x"], 1)
        assert begun.wait(10)
        bad = threads.submit(group_commit.sign, Signer("broken", broken), [b"x"], 1, entry(installation))
        good = [threads.submit(group_commit.sign, real, [b"%d" % each], 1, entry(installation)) for each in range(9)]
        while group_commit.waiting < 10:
            hold.wait(0.01)
        hold.set()
        assert first.result(10) == [b"x"]
        assert [each.result(10) for each in good] == [[real.sign(b"%d" % each)] for each in range(9)]
        with pytest.raises(RuntimeError, match="could not be signed"):
            bad.result(10)
    assert recorded(installation) == 9


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many texts were signed at once, where eight are best and a batch that may grow waits for long."""
    seen: list[int] = []

    def sign_and_tell(asked: Sequence[tuple[Signer, bytes]]) -> list[bytes]:
        seen.append(len(asked))
        return sign_together(asked)

    monkeypatch.setattr("ostiary.oauth.token.signing_thread.at_once", lambda: 8)
    monkeypatch.setattr("ostiary.oauth.token.signing_thread.MOMENT_S", 5.0)
    monkeypatch.setattr("ostiary.oauth.token.signing_thread.sign_together", sign_and_tell)
    return seen


def test_a_batch_waits_for_a_request_that_is_being_answered(installation: Installation, batches: list[int]) -> None:
    group_commit, lane_executor = GroupCommit(installation.runtime.store), LaneExecutor(lanes=2, threads=2)
    working, hold = threading.Event(), threading.Event()

    def work_first() -> list[bytes]:
        working.set()
        assert hold.wait(10)
        return group_commit.sign(ECHO, [b"late"], 1)

    late = lane_executor.submit(work_first)
    assert working.wait(10)
    early = lane_executor.submit(group_commit.sign, ECHO, [b"early"], 1)
    assert not hold.wait(0.2)
    hold.set()
    assert (early.result(2), late.result(2)) == ([b"signed early"], [b"signed late"])
    assert batches == [2]


def test_a_batch_that_is_full_or_signs_nothing_waits_for_nobody(installation: Installation, batches: list[int]) -> None:
    group_commit, lane_executor, hold = (
        GroupCommit(installation.runtime.store),
        LaneExecutor(lanes=2, threads=2),
        threading.Event(),
    )
    working = lane_executor.submit(hold.wait, 10)
    assert lane_executor.submit(group_commit.sign, ECHO, [b"x"] * 8, 1).result(2) == [b"signed x"] * 8
    lane_executor.submit(group_commit.append, 1, entry(installation)).result(2)
    assert batches == [8, 0]
    hold.set()
    assert working.result(10)
    assert LaneExecutor(lanes=1, threads=1).submit(group_commit.sign, ECHO, [b"alone"], 1).result(2) == [
        b"signed alone"
    ]


def test_a_row_that_the_store_refuses_fails_its_batch_and_not_the_thread(installation: Installation) -> None:
    group_commit = GroupCommit(installation.runtime.store)
    nonsense = Event(installation.tenant_id, "test", outcome=None)  # type: ignore[arg-type]
    for _ in range(2):
        with pytest.raises(RuntimeError, match="could not be signed"):
            group_commit.sign(ECHO, [b"x"], 1, entry(installation), nonsense)
    assert recorded(installation) == 0
    group_commit.append(1, entry(installation))
    assert recorded(installation) == 1


def test_a_database_that_is_away_is_told_as_such(installation: Installation) -> None:
    group_commit = GroupCommit(installation.runtime.store)

    def away(*_: object) -> None:
        raise OperationalError("connect", {}, Exception("gone"))

    engine = installation.runtime.store.writing
    event.listen(engine, "begin", away)
    with pytest.raises(DomainError) as seen:
        group_commit.append(1, entry(installation))
    assert seen.value.reason == "STORE_UNAVAILABLE"
    event.remove(engine, "begin", away)
    group_commit.append(1, entry(installation))
    assert recorded(installation) == 1


def test_what_one_request_cannot_write_undoes_nothing_of_the_others(installation: Installation) -> None:
    group_commit = GroupCommit(installation.runtime.store)
    begun, hold = threading.Event(), threading.Event()

    def slow(signed: bytes) -> bytes:
        begun.set()
        hold.wait(10)
        return signed

    def finish(turn: int, work: Work, signatures: list[bytes]) -> int:
        record(work, 1, entry(installation))
        if turn % 2:
            raise LookupError(turn)
        return turn + len(signatures)

    with ThreadPoolExecutor(11) as threads:
        first = threads.submit(group_commit.sign, Signer("slow", slow), [b"x"], 1)
        assert begun.wait(10)
        many = [threads.submit(group_commit.sign_and_write, ECHO, [b"x"], partial(finish, turn)) for turn in range(10)]
        while group_commit.waiting < 10:
            hold.wait(0.01)
        hold.set()
        first.result(10)
        for turn, each in enumerate(many):
            if turn % 2:
                assert str(each.exception(10)) == str(turn)
            else:
                assert each.result(10) == turn + 1
    assert recorded(installation) == 5


def test_who_is_alone_gets_its_own_exception_and_leaves_nothing(installation: Installation) -> None:
    def finish(work: Work, signatures: list[bytes]) -> None:
        record(work, 1, entry(installation))
        raise LookupError("alone")

    group_commit = GroupCommit(installation.runtime.store)
    with pytest.raises(LookupError, match="alone"):
        group_commit.sign_and_write(ECHO, [b"x"], finish)
    assert recorded(installation) == 0
    group_commit.append(1, entry(installation))
    assert recorded(installation) == 1, "the thread lives"


def test_what_was_refused_for_waiting_too_long_is_never_done(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    group_commit = GroupCommit(installation.runtime.store)
    begun, hold = threading.Event(), threading.Event()

    def slow(signed: bytes) -> bytes:
        begun.set()
        hold.wait(10)
        return signed

    def finish(work: Work, signatures: list[bytes]) -> None:
        record(work, 1, entry(installation))

    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(group_commit.sign, Signer("slow", slow), [b"x"], 1)
        assert begun.wait(10)
        monkeypatch.setattr(module, "TIMEOUT_S", 0.05)
        with pytest.raises(DomainError) as seen:
            group_commit.sign_and_write(ECHO, [b"x"], finish)
        monkeypatch.undo()
        hold.set()
        first.exception(10)  # begun in time or not: it records nothing
    group_commit.append(1, entry(installation))
    assert seen.value.reason == "LEDGER_BUSY"
    assert recorded(installation) == 1


def test_of_a_caller_who_has_gone_nothing_is_written_and_others_of_the_batch_are_served(
    installation: Installation,
) -> None:
    group_commit = GroupCommit(installation.runtime.store)
    begun, hold = threading.Event(), threading.Event()

    class Gone:
        here = True

        def is_active(self) -> bool:
            return self.here

        def time_remaining(self) -> float:
            return 5.0

        def add_callback(self, callback: object) -> bool:
            return self.here

    gone = Gone()

    def slow(signed: bytes) -> bytes:
        begun.set()
        hold.wait(10)
        return signed

    def finish(work: Work, made: list[bytes]) -> list[bytes]:
        record(work, 1, entry(installation))
        return made

    def leaving(sign: Callable[[], object]) -> object:
        set_caller(gone)
        try:
            return sign()
        finally:
            set_caller(None)

    with ThreadPoolExecutor(4) as threads:
        first = threads.submit(group_commit.sign, Signer("slow", slow), [b"x"], 1)
        assert begun.wait(10)
        refused = [
            threads.submit(leaving, lambda: group_commit.sign(ECHO, [b"a"], 1, entry(installation))),
            threads.submit(leaving, lambda: group_commit.sign_and_write(ECHO, [b"b"], finish)),
        ]
        served = threads.submit(group_commit.sign_and_write, ECHO, [b"c"], finish)
        while group_commit.waiting < 3:
            hold.wait(0.01)
        gone.here = False
        hold.set()
        for each in refused:
            with pytest.raises(DomainError, match="CANCELLED"):
                each.result(10)
        assert first.result(10) == [b"x"]
        assert served.result(10) == [b"signed c"]
    assert recorded(installation) == 1


@contextmanager
def refusing_records(made: Installation) -> Iterator[None]:
    """No record can be written inside."""
    refuse_records(made.runtime.store)
    yield
    take_records(made.runtime.store)


def test_a_record_that_nobody_waits_for_fails_nobody(installation: Installation) -> None:
    group_commit = GroupCommit(installation.runtime.store)

    def finish(work: Work, signatures: list[bytes]) -> list[bytes]:
        work.run(update(TENANTS).where(TENANTS.c.id == installation.tenant_id).values(display_name="written"))
        return signatures

    with refusing_records(installation), ThreadPoolExecutor(8) as threads:
        for _ in range(20):
            group_commit.note(1, entry(installation))
            tokens = [threads.submit(group_commit.sign, ECHO, [b"x"], 1) for _ in range(4)]
            written = [threads.submit(group_commit.sign_and_write, ECHO, [b"y"], finish) for _ in range(4)]
            group_commit.note(1, entry(installation))
            assert [each.result(10) for each in tokens] == [[b"signed x"]] * 4
            assert [each.result(10) for each in written] == [[b"signed y"]] * 4
        with pytest.raises(RuntimeError, match="could not be signed"):
            group_commit.sign(ECHO, [b"x"], 1, entry(installation))
    group_commit.note(1, entry(installation))
    group_commit.flush()
    assert recorded(installation) == 1, "and records are kept again as soon as they can be"


def test_closing_writes_what_was_noted_and_ends_the_threads(installation: Installation) -> None:
    before, group_commit = set(threading.enumerate()), GroupCommit(installation.runtime.store)
    group_commit.note(1, entry(installation))
    threads = set(threading.enumerate()) - before
    group_commit.close()
    assert recorded(installation) == 1
    for each in threads:
        each.join(10)
    assert not any(each.is_alive() for each in threads)


def test_a_record_is_lost_rather_than_that_a_read_waits_for_a_store_that_stands_still(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = installation.runtime.store
    monkeypatch.setattr(module, "LONGEST_QUEUE", 10)
    group_commit, begun, hold = GroupCommit(store), threading.Event(), threading.Event()

    def slow(_work: Work, signatures: list[bytes]) -> list[bytes]:
        begun.set()
        hold.wait(20)
        return signatures

    with ThreadPoolExecutor(1) as threads:
        stuck = threads.submit(group_commit.sign_and_write, ECHO, [b"x"], slow)
        assert begun.wait(10)
        hold.wait(module.STILL_S + 0.1)
        began = time.monotonic()
        for _ in range(1_000):
            group_commit.note(1, entry(installation))
        assert time.monotonic() - began < 2
        hold.set()
        assert stuck.result(10) == [b"signed x"]
    group_commit.flush()
    assert recorded(installation) == 10


def test_what_needs_no_row_is_signed_while_the_store_stands_still(installation: Installation) -> None:
    group_commit, begun, hold = GroupCommit(installation.runtime.store), threading.Event(), threading.Event()

    def slow(_work: Work, signatures: list[bytes]) -> list[bytes]:
        begun.set()
        hold.wait(20)
        return signatures

    with ThreadPoolExecutor(1) as threads:
        stuck = threads.submit(group_commit.sign_and_write, ECHO, [b"x"], slow)
        assert begun.wait(10)
        assert group_commit.sign(ECHO, [b"y"], 1) == [b"signed y"]
        hold.set()
        assert stuck.result(10) == [b"signed x"]
