"""Passwords: their form, their comparison, and the budget under which they are hashed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from ostiary.caller import set_caller
from ostiary.config import ConfigurationError, Settings
from ostiary.directory.passwords.hashing_threads import HashingThreads
from ostiary.directory.passwords.passwords import MAX_BYTES, Passwords
from ostiary.errors import DomainError, Kind


@pytest.fixture(scope="module")
def passwords() -> Passwords:
    return Passwords(Settings(argon2_memory_kib=64, argon2_passes=1, workers=1))


@pytest.mark.parametrize(
    ("stored", "given", "same"),
    [
        ("p\u00e4ssword", "pa\u0308ssword", True),  # NFC and NFD
        ("\ufb01sh-and-chips", "fish-and-chips", False),  # only NFKC would make them one
        ("Password", "password", False),
        (" padded ", "padded", False),
        ("a" * 72 + "x", "a" * 72 + "y", False),  # bcrypt's limit: nothing is cut off
        ("a" * 1023 + "x", "a" * 1023 + "y", False),
        ("nul\0first", "nul\0other", False),
        ("🔑" * 256, "🔑" * 256, True),
    ],
)
def test_passwords_are_compared_whole_and_by_nfc(passwords: Passwords, stored: str, given: str, same: bool) -> None:
    assert passwords.verify("t", passwords.hash("t", stored), given) is same


@pytest.mark.parametrize("password", ["", "a" * (MAX_BYTES + 1), "é" * 513, "x" * 1_000_000, "\ud800"])
def test_what_cannot_be_a_password_is_refused_and_never_matches(passwords: Passwords, password: str) -> None:
    with pytest.raises(DomainError) as refused:
        passwords.hash("t", password)
    assert refused.value.reason == "INVALID_PASSWORD"
    assert passwords.verify("t", passwords.hash("t", "x"), password) is False


@pytest.mark.parametrize("phc", [None, "", "$unknown$v=1$x", "$argon2id$broken"])
def test_without_a_readable_hash_no_password_matches(passwords: Passwords, phc: str | None) -> None:
    assert passwords.verify("t", phc, "anything") is False
    assert passwords.verify("t", phc, "nobody's") is False


def test_hashes_made_with_other_parameters_verify_and_are_outdated(passwords: Passwords) -> None:
    older = Passwords(Settings(argon2_memory_kib=32, argon2_passes=1)).hash("t", "secret")
    assert passwords.verify("t", older, "secret")
    assert passwords.is_outdated(older)
    assert not passwords.is_outdated(passwords.hash("t", "secret"))


def test_a_queue_that_would_hold_every_thread_is_refused_at_start() -> None:
    with pytest.raises(ConfigurationError, match="hash_queue"):
        Settings(threads=8, hash_queue=8)


class _Gate:
    """Calculations that wait until they are let through, and say in which order they ran."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self._open = threading.Event()

    def job(self, name: str) -> Callable[[], str]:
        def calculate() -> str:
            self._open.wait(10)
            self.order.append(name)
            return name

        return calculate

    def open(self) -> None:
        self._open.set()


def _submit(pool: ThreadPoolExecutor, threads: HashingThreads, tenant: str, gate: _Gate, name: str) -> object:
    future = pool.submit(threads.run, tenant, gate.job(name))
    time.sleep(0.05)  # so that the order of arrival is the order of these lines
    return future


def test_a_full_queue_refuses_the_next_at_once_and_works_on_afterwards() -> None:
    threads, gate = HashingThreads(1, 3, (0,)), _Gate()
    with ThreadPoolExecutor(8) as pool:
        admitted = [_submit(pool, threads, "a", gate, f"a{number}") for number in range(3)]
        started = time.monotonic()
        with pytest.raises(DomainError) as refused:
            threads.run("a", gate.job("one too many"))
        assert time.monotonic() - started < 1
        assert (refused.value.kind, refused.value.facts["retry_after"]) == (Kind.LIMITED, 1)
        with pytest.raises(DomainError):  # whoever asks beforehand hears the same
            threads.check_room("a")
        threads.check_room("another tenant, for which the flood would give way")
        gate.open()
        assert [future.result() for future in admitted] == ["a0", "a1", "a2"]  # type: ignore[attr-defined]
    assert threads.run("a", lambda: "again") == "again"


def test_tenants_take_turns_and_a_flood_gives_way_to_others() -> None:
    threads, gate = HashingThreads(1, 4, (0,)), _Gate()
    with ThreadPoolExecutor(8) as pool:
        flood = [_submit(pool, threads, "a", gate, f"a{number}") for number in range(4)]
        other = _submit(pool, threads, "b", gate, "b0")
        with pytest.raises(DomainError):  # the newest of the flood made room
            flood[3].result()  # type: ignore[attr-defined]
        gate.open()
        assert other.result() == "b0"  # type: ignore[attr-defined]
    assert gate.order == ["a0", "a1", "b0", "a2"]


def test_an_exception_belongs_to_whoever_asked_and_the_thread_lives_on() -> None:
    threads = HashingThreads(1, 2, (0,))

    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        threads.run("a", fail)
    assert threads.run("a", lambda: 1) == 1


def test_closing_does_what_waits_and_ends_the_threads_and_a_later_job_starts_others() -> None:
    threads, gate = HashingThreads(1, 2, (0,)), _Gate()
    with ThreadPoolExecutor(2) as pool:
        jobs = [_submit(pool, threads, "a", gate, name) for name in ("a0", "a1")]
        ending = list(threads._threads)  # noqa: SLF001 - whether they end is the subject
        threads.close()
        gate.open()
        assert [future.result() for future in jobs] == ["a0", "a1"]  # type: ignore[attr-defined]
    for each in ending:
        each.join(10)
        assert not each.is_alive()
    assert threads.run("a", lambda: "again") == "again"


class _Leaving:
    """A caller who waits until told to go."""

    def __init__(self, seconds_left: float) -> None:
        self.here = True
        self.seconds_left = seconds_left
        self._callbacks: list[Callable[[], None]] = []

    def is_active(self) -> bool:
        return self.here

    def time_remaining(self) -> float:
        return self.seconds_left

    def add_callback(self, callback: Callable[[], None]) -> bool:
        self._callbacks.append(callback)
        return self.here

    def go(self) -> None:
        self.here = False
        for callback in self._callbacks:
            callback()


@pytest.mark.parametrize(("seconds_left", "reason"), [(0.0, "DEADLINE_EXCEEDED"), (5.0, "CANCELLED")])
def test_a_caller_who_goes_leaves_his_place_to_the_next_and_is_not_calculated_for(
    seconds_left: float, reason: str
) -> None:
    threads, gate, caller = HashingThreads(1, 2, (0,)), _Gate(), _Leaving(seconds_left)

    def ask() -> str:
        set_caller(caller)
        try:
            return threads.run("a", gate.job("gone"))
        finally:
            set_caller(None)

    with ThreadPoolExecutor(4) as pool:
        first = _submit(pool, threads, "a", gate, "first")
        second = pool.submit(ask)
        time.sleep(0.05)
        caller.go()
        with pytest.raises(DomainError) as gone:
            second.result(5)
        assert gone.value.reason == reason
        third = _submit(pool, threads, "a", gate, "third")
        gate.open()
        assert (first.result(), third.result()) == ("first", "third")  # type: ignore[attr-defined]
        with pytest.raises(DomainError):  # a caller who had gone before
            pool.submit(ask).result(5)
    assert gate.order == ["first", "third"]
