"""Replay protection: single-use values from outside, remembered until they expire, for any number of processes."""

from __future__ import annotations

from ostiary.ids import digest
from ostiary.store.tables import UsedOnce, table_of
from ostiary.store.work import Work

_USED = table_of(UsedOnce)


def use_once(work: Work, tenant_id: str, kind: str, name: str, expires_at: int) -> bool:
    """Returns True the first time; of two concurrent calls exactly one gets it. `expires_at` is UTC milliseconds."""
    row = {"tenant_id": tenant_id, "digest": single_use_digest(kind, name), "expires_at": expires_at}
    return work.insert_new(_USED, row)


def single_use_digest(kind: str, name: str) -> str:
    """The digest under which a value that was used is remembered."""
    return digest(f"{kind} {name}")
