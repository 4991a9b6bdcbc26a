"""Hashing and comparison of passwords. The rules for new ones are in `password_policy`."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

from argon2 import PasswordHasher, extract_parameters

from ostiary.config import Settings
from ostiary.directory.passwords.foreign_hashes import argon2_passes, check_hash, hash_matches, memory_kib
from ostiary.directory.passwords.foreign_hashes.scheme import MAX_FILLED
from ostiary.directory.passwords.hashing_threads import HashingThreads, Result
from ostiary.errors import invalid

MAX_BYTES = 1_024
"""The longest password, in bytes of UTF-8 after NFC. A longer one is refused, never cut."""
NEWEST_VERSION = 19
"""The newest version of argon2: 0x13, the one of RFC 9106."""


class Passwords:
    """Hashes and verifies with argon2id; both may raise 429 HASHING_BUSY. Never call them inside a transaction."""

    def __init__(self, settings: Settings) -> None:
        self._memory_kib, self._passes, self._lanes = (
            settings.argon2_memory_kib, settings.argon2_passes, settings.argon2_lanes
        )  # fmt: skip
        share = max(1, len(settings.cores) // settings.worker_count)
        self._threads = HashingThreads(share, settings.hash_queue, settings.cores)
        self._own_decoy = PasswordHasher(self._passes, self._memory_kib, self._lanes).hash(b"nobody's")
        self._weak = settings.weak_hashes

    def close(self) -> None:
        """Ends the threads that hash; they come back when they are needed."""
        self._threads.close()

    def hash(self, tenant_id: str, password: str) -> str:
        """The hash of a new password in PHC form; raises INVALID_PASSWORD for what can be none."""
        return self._hash(tenant_id, password, self._memory_kib, self._passes)

    def verify(self, tenant_id: str, phc: str | None, password: str, decoy: str | None = None) -> bool:
        """Whether `password` is the one behind `phc`. None, for whom there is no hash, is never right, and takes as
        long as `decoy` hash does, or one of ours."""
        spellings = _spellings(password)
        compared = (decoy or self._own_decoy) if phc is None else phc
        right = bool(spellings) and self._fits(tenant_id, compared, spellings)
        return right and phc is not None

    def accepted(self, foreign: str, algorithm: str = "") -> str:
        """A hash of another system as it is stored; raises what `check_hash` raises."""
        return check_hash(foreign, algorithm, weak=self._weak)

    def renewed(self, tenant_id: str, phc: str, password: str) -> str:
        """The hash that takes the place of `phc` when `password` was right: `phc` itself while it is strong enough.

        What replaces it fills no less memory, in no fewer passes over it; where that would cost too much, `phc` stays.
        One that fits the password only as it was typed, and not in NFC, is made anew: what is typed on another keyboard
        must fit, too.
        """
        memory, passes = max(self._memory_kib, memory_kib(phc)), max(self._passes, argon2_passes(phc))
        if memory * passes > max(MAX_FILLED >> 10, self._memory_kib * self._passes):
            return phc
        if self.is_outdated(phc) or self._fits_only_as_typed(tenant_id, phc, password):
            return self._hash(tenant_id, password, memory, passes)
        return phc

    def is_outdated(self, phc: str) -> bool:
        """Whether a hash is no argon2 of RFC 9106 (version 19), or has less memory or fewer passes than new ones."""
        if not phc.startswith("$argon2"):
            return True
        known = extract_parameters(phc)
        weaker = known.memory_cost < self._memory_kib or known.time_cost < self._passes
        return weaker or known.version != NEWEST_VERSION

    def _hash(self, tenant_id: str, password: str, memory: int, passes: int) -> str:
        content, hasher = encoded(password), PasswordHasher(passes, memory, self._lanes)
        return self._threads.run(tenant_id, lambda: hasher.hash(content))

    def _fits_only_as_typed(self, tenant_id: str, phc: str, password: str) -> bool:
        spellings = _spellings(password)
        return len(spellings) > 1 and not self._fits(tenant_id, phc, spellings[:1])

    def _fits(self, tenant_id: str, phc: str, spellings: tuple[bytes, ...]) -> bool:
        return self._threads.run(tenant_id, lambda: any(hash_matches(phc, one) for one in spellings))

    def check_room(self, tenant_id: str) -> None:
        """Raises 429 HASHING_BUSY when a hash would be refused now, before the store is troubled for nothing."""
        self._threads.check_room(tenant_id)

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


def _spellings(password: str) -> tuple[bytes, ...]:
    """Returns the texts that a password is compared as: in NFC, and as it was typed if that is another text, since
    other systems hash what was typed. Empty for a text that cannot be a password."""
    data = _encoded(password)
    if data is None:
        return ()
    typed = password.encode()
    return (data,) if typed == data or len(typed) > MAX_BYTES else (data, typed)


def _encoded(password: str) -> bytes | None:
    if len(password) > 4 * MAX_BYTES:  # NFC may shorten, but not to a quarter
        return None
    try:
        data = unicodedata.normalize("NFC", password).encode()
    except UnicodeEncodeError:  # a lone surrogate, which JSON can spell
        return None
    return data if 1 <= len(data) <= MAX_BYTES else None
