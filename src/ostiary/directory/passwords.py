"""Passwords: how they are hashed and compared. What a new one must look like stands in `password_policy`."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

from argon2 import PasswordHasher

from ostiary.config import Settings
from ostiary.directory.foreign_hashes import hash_matches
from ostiary.directory.hashing import HashingThreads, Result
from ostiary.errors import invalid

MAX_BYTES = 1_024
"""Of the password in UTF-8 after NFC. Nothing is ever cut off (decision 11)."""


class Passwords:
    """Hashes and verifies with argon2id; both may raise 429 HASHING_BUSY. Never call them inside a transaction."""

    def __init__(self, settings: Settings) -> None:
        self._hasher = PasswordHasher(
            time_cost=settings.argon2_passes, memory_cost=settings.argon2_memory_kib, parallelism=settings.argon2_lanes
        )
        share = max(1, len(settings.cores) // settings.worker_count)
        self._threads = HashingThreads(share, settings.hash_queue, settings.cores)
        self._nobody = self._hasher.hash(b"nobody's")

    def hash(self, tenant_id: str, password: str) -> str:
        """The hash of a new password in PHC form; raises INVALID_PASSWORD for what can be none."""
        data = encoded(password)
        return self._threads.run(tenant_id, lambda: self._hasher.hash(data))

    def verify(self, tenant_id: str, phc: str | None, password: str, somebodys: str | None = None) -> bool:
        """Whether `password` is the one behind `phc`. None, for whom there is no hash, is never right, and takes as
        long as `somebodys` hash does, or one of ours."""
        data = _encoded(password)
        if data is None:
            return False
        compared = (somebodys or self._nobody) if phc is None else phc
        right = self._threads.run(tenant_id, lambda: hash_matches(compared, data))
        return right and phc is not None

    def check_room(self, tenant_id: str) -> None:
        """Raises 429 HASHING_BUSY when a hash would be refused now, before the store is troubled for nothing."""
        self._threads.check_room(tenant_id)

    def is_outdated(self, phc: str) -> bool:
        """Whether a hash was made another way than new ones are: after a good sign-in it is made anew."""
        return not phc.startswith("$argon2id$") or self._hasher.check_needs_rehash(phc)

    def calculate(self, tenant_id: str, slow: Callable[[], Result]) -> Result:
        """Any other slow calculation on a secret, under the same bound. Raises 429 HASHING_BUSY."""
        return self._threads.run(tenant_id, slow)


def encoded(password: str) -> bytes:
    """The bytes that are hashed: NFC, so that a password typed on another keyboard is the same one.

    Raises INVALID_PASSWORD when it is empty, longer than MAX_BYTES or no valid Unicode.
    """
    data = _encoded(password)
    if data is None:
        raise invalid("INVALID_PASSWORD", f"A password has 1 to {MAX_BYTES} bytes in UTF-8.", scim_type="invalidValue")
    return data


def _encoded(password: str) -> bytes | None:
    if len(password) > 4 * MAX_BYTES:  # NFC may shorten, but not to a quarter
        return None
    try:
        data = unicodedata.normalize("NFC", password).encode()
    except UnicodeEncodeError:  # a lone surrogate, which JSON can spell
        return None
    return data if 1 <= len(data) <= MAX_BYTES else None
