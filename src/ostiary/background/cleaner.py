"""Cleaner: deletes expired rows, so that tables stay bounded.

Tables whose rows expire have an `end_of_row` column: codes, sign-in transactions, sessions, grants, refresh tokens,
revoked tokens. The few that expire in another way are in a list here; audit records are deleted when the operator
configures it.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import ColumnElement, Table

from ostiary.clock import Clock
from ostiary.keys.rotation import drop_retired
from ostiary.oauth.clients.mobile_apps import forget_unused_apps
from ostiary.oauth.sessions.refresh import forget_answers
from ostiary.store.batches import delete_all
from ostiary.store.engine import Store
from ostiary.store.tables import AuditEvent, Counter, Job, Message, Profile, table_of, temporary_tables
from ostiary.store.tables.columns import forbids

KEPT_MS = 3_600_000
"""The time for which expired rows are kept: a clock may be a little wrong, and a late client gets a clearer answer."""
FORBIDDING_KEPT_MS = 2 * 86_400_000
"""The time for which rows that forbid something are kept: used ids, revoked tokens, counts. A clock that is a day
ahead, and is set back, must not make a second use possible."""
MESSAGES_KEPT_MS = 7 * 86_400_000
JOBS_KEPT_MS = 30 * 86_400_000
BATCHES = 20
"""The limit of batches of one table in one turn: many expired rows must not keep writers waiting for longer."""
AUDIT_BATCHES = 400
"""The limit for audit records, which are written faster than anything else; one turn deletes more than is written
meanwhile."""
_COUNTERS, _OUTBOX, _JOBS = table_of(Counter), table_of(Message), table_of(Job)
_AUDIT, _PROFILES = table_of(AuditEvent), table_of(Profile)


def clean(store: Store, clock: Clock, audit_kept_ms: int) -> dict[str, int]:
    """Deletes expired rows in one turn; returns how many were deleted, by table. `audit_kept_ms`: the time for which
    audit records are kept; 0 for ever."""
    now_ms = clock.now_ms()
    gone = {table.name: delete_all(store, table, ended, batches=BATCHES) for table, ended in _ended(now_ms)}
    with store.write() as work:
        gone["signing_keys"] = drop_retired(work, now_ms)
        gone["mobile_apps"] = forget_unused_apps(work, now_ms)
    gone["answers"] = forget_answers(store, now_ms)
    if audit_kept_ms:
        old = _AUDIT.c.at <= now_ms - audit_kept_ms
        gone[_AUDIT.name] = delete_all(store, _AUDIT, old, batches=AUDIT_BATCHES)
    return gone


def _ended(now_ms: int) -> Iterator[tuple[Table, ColumnElement[bool]]]:
    for table, end in temporary_tables():
        yield table, end <= now_ms - (FORBIDDING_KEPT_MS if forbids(table) else KEPT_MS)
    over = now_ms - FORBIDDING_KEPT_MS
    yield _COUNTERS, (_COUNTERS.c.window_until <= over) & (_COUNTERS.c.blocked_until <= over)
    yield _OUTBOX, (_OUTBOX.c.state != "waiting") & (_OUTBOX.c.finished_at <= now_ms - MESSAGES_KEPT_MS)
    yield _PROFILES, _PROFILES.c.anonymous & (_PROFILES.c.expires_at <= now_ms - KEPT_MS)
    yield _JOBS, (_JOBS.c.state != "waiting") & (_JOBS.c.finished_at <= now_ms - JOBS_KEPT_MS)
