"""The lanes of a worker: few work at once, and who waits lets others work."""

from __future__ import annotations

import threading
from concurrent.futures import Future

import pytest

from ostiary.lanes import LaneExecutor, blocking

WAIT_S = 10.0


class Gate:
    """Tasks that begin, and end when they are let go."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.open = threading.Event()

    def work(self) -> str:
        self.begun.release()
        assert self.open.wait(WAIT_S)
        return "done"

    def wait_aside(self) -> str:
        with blocking:
            return self.work()

    def has_begun(self, count: int, within_s: float = WAIT_S) -> bool:
        return all(self.begun.acquire(timeout=within_s) for _ in range(count))


def results(futures: list[Future[str]]) -> list[str]:
    return [future.result(WAIT_S) for future in futures]


def test_no_more_than_the_lanes_work_at_once_and_all_are_done() -> None:
    lane_executor, gate = LaneExecutor(lanes=2, threads=9), Gate()
    futures = [lane_executor.submit(gate.work) for _ in range(5)]
    assert gate.has_begun(2)
    assert not gate.has_begun(1, within_s=0.2)
    gate.open.set()
    assert results(futures) == ["done"] * 5


def test_who_waits_aside_leaves_its_lane_to_another() -> None:
    lane_executor, waiting, working = LaneExecutor(lanes=2, threads=9), Gate(), Gate()
    first = [lane_executor.submit(waiting.wait_aside) for _ in range(4)]
    assert waiting.has_begun(4), "each that waits lets another one in"
    second = [lane_executor.submit(working.work) for _ in range(2)]
    assert working.has_begun(2)
    for gate in (waiting, working):
        gate.open.set()
    assert results(first + second) == ["done"] * 6


def test_there_are_never_more_threads_than_allowed() -> None:
    lane_executor, gate = LaneExecutor(lanes=2, threads=3), Gate()
    futures = [lane_executor.submit(gate.wait_aside) for _ in range(5)]
    assert gate.has_begun(3)
    assert not gate.has_begun(1, within_s=0.2)
    gate.open.set()
    assert results(futures) == ["done"] * 5


def test_a_task_that_raises_costs_no_lane() -> None:
    lane_executor = LaneExecutor(lanes=1, threads=1)

    def broken() -> None:
        raise ZeroDivisionError

    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            lane_executor.submit(broken).result(WAIT_S)
    assert lane_executor.submit(lambda: "done").result(WAIT_S) == "done"


def test_stepping_aside_means_nothing_to_other_threads() -> None:
    with blocking, blocking:
        pass


def test_threads_end_at_shutdown_and_a_later_task_starts_others() -> None:
    lane_executor, gate = LaneExecutor(lanes=2, threads=2), Gate()
    futures = [lane_executor.submit(gate.work) for _ in range(2)]
    assert gate.has_begun(2)
    lane_executor.shutdown()
    gate.open.set()
    assert results(futures) == ["done"] * 2
    threads = [each for each in threading.enumerate() if getattr(each, "_lane_executor", None) is lane_executor]
    for each in threads:
        each.join(WAIT_S)
        assert not each.is_alive()
    assert results([lane_executor.submit(gate.work) for _ in range(3)]) == ["done"] * 3
