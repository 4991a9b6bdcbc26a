"""Jobs: long work that survives restarts. Rows of `jobs` wait until a process has done them completely."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog
from sqlalchemy import Row, select, update

from ostiary.background.tasks import LEASE_MS, leased
from ostiary.clock import Clock
from ostiary.directory.tenants.deletion import TENANT_DELETION, finish_deletion
from ostiary.store.engine import Store
from ostiary.store.tables import Job, table_of

_JOBS = table_of(Job)
_log = structlog.get_logger("ostiary.background")


@dataclass(frozen=True, slots=True)
class JobKind:
    """The code that does jobs of a kind. `turn` gets the tenant and the id of a job, works at it for a while and
    returns whether it is done; called again, here or elsewhere, it continues where it ended. `lease_ms` is longer than
    a turn takes."""

    turn: Callable[[str, str], bool]
    lease_ms: int = LEASE_MS


Kinds = Mapping[str, JobKind]


def deletions(store: Store, clock: Clock) -> Kinds:
    """The job that is done even where nothing else runs (`ostiary tenant delete`)."""

    def finish(tenant_id: str, _job_id: str) -> bool:
        finish_deletion(store, tenant_id, clock.now_ms())
        return True

    return {TENANT_DELETION: JobKind(finish)}


def run_jobs(store: Store, clock: Clock, holder: str, kinds: Kinds) -> None:
    """Works at every job that waits, oldest first and each in its turn, until none is left that gets on."""
    while _run_turn(store, clock, holder, kinds):
        pass


def _run_turn(store: Store, clock: Clock, holder: str, kinds: Kinds) -> bool:
    """A turn for each job; whether one has worked and is not done."""
    waiting = select(_JOBS.c.id).where(_JOBS.c.state == "waiting").order_by(_JOBS.c.created_at, _JOBS.c.id)
    with store.read() as work:
        jobs = [row.id for row in work.rows(waiting)]
    goes_on = False
    for job_id in jobs:
        try:
            goes_on |= run_job(store, clock, holder, job_id, kinds) and _waits(store, job_id)
        except Exception:  # noqa: BLE001 - one job must not keep the others; it is tried again later
            _log.error("job failed", job=job_id, exc_info=True)
    return goes_on


def run_job(store: Store, clock: Clock, holder: str, job_id: str, kinds: Kinds) -> bool:
    """Works at one job; False when another process is at it."""
    job = _waiting(store, job_id)
    if job is None:
        return True
    kind = kinds[job.kind]
    return leased(store, clock, holder, f"job:{job_id}", lambda: _do(store, clock, job_id, kind), kind.lease_ms)


def _do(store: Store, clock: Clock, job_id: str, kind: JobKind) -> None:
    job = _waiting(store, job_id)  # again: another may have ended it before the lease was ours
    if job is not None and kind.turn(job.tenant_id, job_id):
        with store.write() as work:
            work.run(update(_JOBS).where(_JOBS.c.id == job_id).values(state="done", finished_at=clock.now_ms()))


def _waits(store: Store, job_id: str) -> bool:
    return _waiting(store, job_id) is not None


def _waiting(store: Store, job_id: str) -> Row[tuple[str, str]] | None:
    asked = select(_JOBS.c.kind, _JOBS.c.tenant_id).where(_JOBS.c.id == job_id, _JOBS.c.state == "waiting")
    with store.read() as work:
        return work.row(asked)
