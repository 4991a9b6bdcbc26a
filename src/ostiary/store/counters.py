"""Counters that protect an account, a tenant or a recipient: exact on any number of processes (decision 16)."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import case

from ostiary.store.tables import Counter, table_of
from ostiary.store.work import Work

_COUNTERS = table_of(Counter)


@dataclass(frozen=True, slots=True)
class ExactLimit:
    """`count` in a window of `window_s` seconds; then nothing for `block_s` seconds."""

    name: str
    count: int
    window_s: int
    block_s: int


def count_exactly(work: Work, tenant_id: str, limit: ExactLimit, subject: str, now_ms: int) -> int:
    """Counts one more for `subject` in one statement; returns 0 when it may go on, else the seconds to wait.

    One statement, so that two processes at once never both take the last place.
    """
    c = _COUNTERS.c
    over = c.window_until <= now_ms
    counted = case((over, 1), else_=c.count + 1)
    blocked_until = case(
        (c.blocked_until > now_ms, c.blocked_until),
        (counted > limit.count, now_ms + limit.block_s * 1000),
        else_=0,
    )
    fresh = {
        "tenant_id": tenant_id, "name": limit.name, "subject": subject, "count": 1,
        "window_until": now_ms + limit.window_s * 1000, "blocked_until": 0,
    }  # fmt: skip
    if limit.count < 1:
        fresh["blocked_until"] = now_ms + limit.block_s * 1000
    statement = work.insert(_COUNTERS).values(fresh).on_conflict_do_update(
        index_elements=["tenant_id", "name", "subject"],
        set_={
            "count": counted,
            "window_until": case((over, fresh["window_until"]), else_=c.window_until),
            "blocked_until": blocked_until,
        },
    ).returning(c.blocked_until)  # fmt: skip
    until = int(work.connection.execute(statement).scalar_one())
    return max(1, -(-(until - now_ms) // 1000)) if until > now_ms else 0
