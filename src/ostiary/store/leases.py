"""Leases of background tasks: the database decides which process may do a task now, for any number of processes and
replicas."""

from __future__ import annotations

from sqlalchemy import case, delete, or_

from ostiary.store.tables import Lease, table_of
from ostiary.store.work import Work

_LEASES = table_of(Lease)


def take_lease(work: Work, name: str, holder: str, now_ms: int, length_ms: int) -> bool:
    """Whether `holder` has the task `name` for `length_ms` from now on: it was free, had run out, or was its own."""
    # A clock that was ahead may have stored an end that is too late: it is cut to `length_ms` from now. Its holder
    # keeps the lease for that time.
    until = now_ms + length_ms
    wanted = {"name": name, "holder": holder, "expires_at": until}
    statement = work.insert(_LEASES).values(wanted)
    free = or_(_LEASES.c.expires_at <= now_ms, _LEASES.c.holder == holder)
    changed = {"holder": case((free, holder), else_=_LEASES.c.holder), "expires_at": until}
    changeable = or_(free, _LEASES.c.expires_at > until)
    upsert = statement.on_conflict_do_update(index_elements=["name"], set_=changed, where=changeable)
    row = work.row(upsert.returning(_LEASES.c.holder))
    return row is not None and row.holder == holder


def give_lease_back(work: Work, name: str, holder: str) -> None:
    """Lets the next one begin at once."""
    work.run(delete(_LEASES).where(_LEASES.c.name == name, _LEASES.c.holder == holder))
