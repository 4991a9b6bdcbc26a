"""Counters that protect an account, a tenant or a recipient: exact on any number of processes (decision 16)."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import BindParameter, bindparam, case

from ostiary.store.prepared import prepared
from ostiary.store.tables import Counter, table_of
from ostiary.store.work import Work

_COUNTERS = table_of(Counter)
_NOW: BindParameter[int] = bindparam("now_ms")
_UNTIL: BindParameter[int] = bindparam("window_end")
_ALLOWED: BindParameter[int] = bindparam("allowed")
_OVER = _COUNTERS.c.window_until <= _NOW
_COUNTED = case((_OVER, 1), else_=_COUNTERS.c.count + 1)
_COUNT = prepared(
    lambda insert: insert(_COUNTERS)
    .values(
        tenant_id=bindparam("of_tenant"), name=bindparam("limit_name"), subject=bindparam("of_subject"), count=1,
        window_until=_UNTIL, blocked_until=bindparam("first_block"),
    )
    .on_conflict_do_update(
        index_elements=["tenant_id", "name", "subject"],
        set_={
            "count": _COUNTED,
            "window_until": case((_OVER, _UNTIL), else_=_COUNTERS.c.window_until),
            "blocked_until": case(
                (_COUNTERS.c.blocked_until > _NOW, _COUNTERS.c.blocked_until),
                (_ALLOWED < _COUNTED, bindparam("block_end")),
                else_=0,
            ),
        },
    )
    .returning(_COUNTERS.c.blocked_until)
)  # fmt: skip


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
    block_end = now_ms + limit.block_s * 1000
    row = work.row(_COUNT, {
        "of_tenant": tenant_id, "limit_name": limit.name, "of_subject": subject, "now_ms": now_ms,
        "window_end": now_ms + limit.window_s * 1000, "block_end": block_end, "allowed": limit.count,
        "first_block": block_end if limit.count < 1 else 0,
    })  # fmt: skip
    until = int(row[0]) if row else 0
    return max(1, -(-(until - now_ms) // 1000)) if until > now_ms else 0
