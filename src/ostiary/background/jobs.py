"""Long work that survives restarts: rows of `jobs` wait until somebody has done them to the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import select, update

from ostiary.background.tasks import leased
from ostiary.clock import Clock
from ostiary.directory.tenant_deletion import TENANT_DELETION, finish_deletion
from ostiary.store.engine import Store
from ostiary.store.tables import Job, table_of

HANDLERS: Mapping[str, Callable[[Store, str, int], None]] = {TENANT_DELETION: finish_deletion}
"""Kind of job → what does it: store, tenant, now. Begun a second time it must go on where the first one ended."""
_JOBS = table_of(Job)


def run_jobs(store: Store, clock: Clock, holder: str) -> None:
    """Does every job that waits, oldest first."""
    waiting = select(_JOBS.c.id).where(_JOBS.c.state == "waiting").order_by(_JOBS.c.created_at, _JOBS.c.id)
    with store.read() as work:
        jobs = [row.id for row in work.rows(waiting)]
    for job_id in jobs:
        run_job(store, clock, holder, job_id)


def run_job(store: Store, clock: Clock, holder: str, job_id: str) -> bool:
    """Does one job, unless another process is at it; whether it was done here."""
    return leased(store, clock, holder, f"job:{job_id}", lambda: _do(store, clock, job_id))


def _do(store: Store, clock: Clock, job_id: str) -> None:
    with store.read() as work:
        job = work.row(select(_JOBS.c.kind, _JOBS.c.tenant_id, _JOBS.c.state).where(_JOBS.c.id == job_id))
    if job is None or job.state != "waiting":
        return
    HANDLERS[job.kind](store, job.tenant_id, clock.now_ms())
    with store.write() as work:
        work.run(update(_JOBS).where(_JOBS.c.id == job_id).values(state="done", finished_at=clock.now_ms()))
