"""An answer that another thread brings: who is first does not matter, and each answer is given once."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from ostiary.later import Later, now, then


def outcome(later: Later[int]) -> list[int | str]:
    """What a `Later` is delivered as; a list, since it must be once."""
    seen: list[int | str] = []

    def deliver(answer: Later[int]) -> None:
        try:
            seen.append(answer.value())
        except LookupError as error:
            seen.append(str(error))

    later.deliver(deliver)
    return seen


def recovered(value: Callable[[], int]) -> int:
    try:
        return value()
    except LookupError:
        return -1


@pytest.mark.parametrize(("brought", "given"), [(20, 41), (LookupError("none"), "none")])
def test_it_is_delivered_once_whoever_comes_first(brought: int | LookupError, given: int | str) -> None:
    for put_first in (True, False):
        later: Later[int] = Later()
        changed = then(then(later, lambda number: number * 2), lambda number: number + 1)
        assert changed is later
        if put_first:
            later.put(brought)
        seen = outcome(later)
        assert seen == ([given] if put_first else [])
        for each in (brought, 7):
            later.put(each)
        assert seen == [given]


def test_what_is_around_it_sees_what_was_raised() -> None:
    later: Later[int] = Later()
    later.around(recovered)
    later.put(LookupError("none"))
    assert outcome(later) == [-1]


def test_who_has_nobody_to_deliver_it_to_waits() -> None:
    later: Later[int] = Later()
    threading.Timer(0.01, later.put, [20]).start()
    assert now(then(later, lambda number: number + 1)) == 21
    assert now(then(20, lambda number: number + 1)) == 21
