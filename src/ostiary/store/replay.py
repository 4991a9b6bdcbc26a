"""Replay protection: single-use values from outside, remembered until they expire, for any number of processes."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from ostiary.ids import digest
from ostiary.store.tables import UsedOnce, table_of
from ostiary.store.work import Work

_USED = table_of(UsedOnce)
_FIND = select(_USED.c.digest).where(
    _USED.c.tenant_id == bindparam("of_tenant"), _USED.c.digest == bindparam("its_digest")
)


def use_once(work: Work, tenant_id: str, kind: str, name: str, expires_at: int) -> bool:
    """Returns True the first time; of two concurrent calls exactly one gets it. `expires_at` is UTC milliseconds."""
    return work.insert_new(_USED, {"tenant_id": tenant_id, "digest": _digest(kind, name), "expires_at": expires_at})


def was_used(work: Work, tenant_id: str, kind: str, name: str) -> bool:
    """Whether the value was used already."""
    return work.row(_FIND, {"of_tenant": tenant_id, "its_digest": _digest(kind, name)}) is not None


def _digest(kind: str, name: str) -> str:
    return digest(f"{kind} {name}")
