"""Time limits of single questions, on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from ostiary.store.engine import Store
from ostiary.store.time_limits import TimeLimitReached, within

ENDLESS = text("WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers) SELECT max(n) FROM numbers")


def test_what_takes_too_long_is_given_up_and_the_connection_goes_on(store: Store) -> None:
    with store.read() as work:
        with pytest.raises(TimeLimitReached), within(work, 0.05):
            work.rows(ENDLESS)
        with within(work, 5):
            assert work.rows(text("SELECT 1"))[0][0] == 1
        assert work.rows(text("SELECT 2"))[0][0] == 2


def test_other_errors_of_a_question_are_its_own(store: Store) -> None:
    with store.read() as work, pytest.raises(LookupError), within(work, 5):
        raise LookupError
