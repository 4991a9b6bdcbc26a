"""Source of the master key; its id is recorded in the store, so that no server starts with a different key."""

from __future__ import annotations

from ostiary.config import Settings
from ostiary.keys.sealing import MasterKeyError, Sealing, decode_master_key, read_master_key
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


def master_key(settings: Settings) -> bytes:
    """The master key from the environment, else from its file; raises MasterKeyError when it is in neither."""
    if settings.master_key is not None:
        return decode_master_key(settings.master_key.get_secret_value())
    return read_master_key(settings.key_file)


def older_master_keys(settings: Settings) -> list[bytes]:
    """Keys that open what is not yet sealed under the master key; see `ostiary key rewrap --help`."""
    given = settings.old_master_key
    keys = [decode_master_key(given.get_secret_value())] if given is not None else []
    return keys + ([read_master_key(settings.old_master_key_file)] if settings.old_master_key_file else [])
