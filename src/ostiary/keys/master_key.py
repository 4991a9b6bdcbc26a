"""The master key of a store is recorded with it, so that a server with another one does not start."""

from __future__ import annotations

from ostiary.keys.sealing import MasterKeyError, Sealing
from ostiary.store.installation import check_installed
from ostiary.store.work import Work


def check_master_key(work: Work, sealing: Sealing) -> None:
    """Raises MasterKeyError unless one of the keys at hand is the one that seals this store."""
    sealed_with = check_installed(work)
    if sealed_with not in sealing.key_ids:
        raise MasterKeyError(
            f"the master key is not the one that seals this store: its id is {sealing.key_id}, that of the store's key "
            f"{sealed_with}"
        )
