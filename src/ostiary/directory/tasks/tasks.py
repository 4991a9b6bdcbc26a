"""Tasks of the Tenant Manager: a deletion that is answered with 202 names one, and clients wait until it has ended.

A task is a row, written in the transaction of the deletion: so it survives a restart, and every worker tells the
same. It says which jobs it waits for; its state is read from those, and so is never behind them. It ends as `success`
when all are done, or as `error` when they are not after a day, and keeps that state until it is forgotten.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from sqlalchemy import Row, insert, select

from ostiary.errors import not_found
from ostiary.ids import Entropy, new_id
from ostiary.store.tables import Job, Task, table_of
from ostiary.store.work import Work

GIVEN_MS = 86_400_000
"""The time that jobs have; they go on after it, but nobody need wait for them."""
SHOWN_MS = 2 * GIVEN_MS
"""The time for which a task can be read, from its beginning."""
_TASKS, _JOBS = table_of(Task), table_of(Job)


class TaskState(Enum):
    """The state of a task, in the words of Cloud Director."""

    RUNNING = "running"
    SUCCESS = "success"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Starter:
    """Who began a task: the kind and the id of a principal, and its own organization."""

    tenant_id: str
    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class Target:
    """What is deleted: a `user` or an `org`."""

    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task as it is now. Times are UTC milliseconds; `ended_at` is None while it runs."""

    id: str
    target: Target
    state: TaskState
    started_at: int
    ended_at: int | None
    expires_at: int


def begin_task(
    work: Work, starter: Starter, target: Target, jobs: Sequence[Job], entropy: Entropy, now_ms: int
) -> str:  # fmt: skip
    """Records a deletion that began, or with no jobs was done, in this transaction; returns the id of its task."""
    row = {
        "id": new_id(entropy), "tenant_id": starter.tenant_id, "starter_id": starter.id, "starter_kind": starter.kind,
        "target_id": target.id, "target_kind": target.kind, "jobs": json.dumps([job.id for job in jobs]),
        "started_at": now_ms, "due_at": now_ms + GIVEN_MS, "expires_at": now_ms + SHOWN_MS,
    }  # fmt: skip
    work.run(insert(_TASKS), row)
    return str(row["id"])


def get_task(work: Work, starter: Starter, task_id: str, now_ms: int) -> TaskView:
    """A task of this starter. Raises TASK_NOT_FOUND, for somebody else's as for an unknown or forgotten one."""
    own = (_TASKS.c.tenant_id == starter.tenant_id, _TASKS.c.starter_id == starter.id,
           _TASKS.c.starter_kind == starter.kind)  # fmt: skip
    row = work.row(select(*_TASKS.c).where(_TASKS.c.id == task_id, *own, _TASKS.c.expires_at > now_ms))
    if row is None:
        raise not_found("TASK_NOT_FOUND", "There is no such task.")
    ids = json.loads(row.jobs)
    jobs = work.rows(select(_JOBS.c.finished_at).where(_JOBS.c.id.in_(ids))) if ids else ()
    state, ended_at = _state(row.started_at, row.due_at, jobs, now_ms)
    target = Target(row.target_kind, row.target_id)
    return TaskView(row.id, target, state, row.started_at, ended_at, row.expires_at)


def _state(
    started_at: int, due_at: int, jobs: Sequence[Row[tuple[int | None]]], now_ms: int
) -> tuple[TaskState, int | None]:  # fmt: skip
    """The state and the end, from facts that do not change again: a job that is done late leaves an error an error."""
    ends = [started_at, *(due_at + 1 if job.finished_at is None else job.finished_at for job in jobs)]
    if max(ends) <= due_at:
        return TaskState.SUCCESS, max(ends)
    return (TaskState.RUNNING, None) if now_ms <= due_at else (TaskState.ERROR, due_at)
