"""Import of a page of users: read first, then stored in one short transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ostiary.clock import Clock
from ostiary.directory.transfer.cipher import TransferCipher
from ostiary.directory.transfer.user_import import Batch, Refusal, left_out, read_batch, store_batch
from ostiary.errors import invalid
from ostiary.http.json_text import read_json
from ostiary.ids import Entropy
from ostiary.store.work import Work

MAX_USERS = 50


@dataclass(frozen=True, slots=True)
class Imported:
    """Result of an import of users: how many were added, which were refused, and what was left out of those
    who were added."""

    added: int
    refused: tuple[Refusal, ...]
    left_out: tuple[Refusal, ...]


class DirectoryImport:
    """The two phases of an import."""

    def __init__(self, clock: Clock, entropy: Entropy) -> None:
        self._clock = clock
        self._entropy = entropy

    def prepare(self, body: bytes, cipher: TransferCipher) -> Batch:
        """Reads the body. Raises MALFORMED_JSON, USERS_MISSING, TOO_MANY_USERS, and 429 HASHING_BUSY."""
        return read_batch(_users(read_json(body, checked=False)), cipher)

    def store(self, work: Work, tenant_id: str, batch: Batch) -> Imported:
        """Stores what can be stored. Raises CONFLICT (409) when another import came between."""
        refused = store_batch(work, tenant_id, batch, self._entropy, self._clock.now_ms())
        total = len(batch.entrants) + len(batch.refused)
        return Imported(total - len(refused), tuple(refused), tuple(left_out(batch, refused)))


def _users(document: Any) -> list[Any]:
    users = document.get("users") if isinstance(document, dict) else None
    if not isinstance(users, list):
        raise invalid("USERS_MISSING", 'The body must be a JSON object with a list "users".')
    if len(users) > MAX_USERS:
        message = f"An import takes at most {MAX_USERS} users at once; import/all takes a file of any number."
        raise invalid("TOO_MANY_USERS", message)
    return users
