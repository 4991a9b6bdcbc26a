"""Import of a page of users: read first, then stored in one short transaction."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ostiary.clock import Clock
from ostiary.directory.transfer.cipher import TransferCipher
from ostiary.directory.transfer.user_import import Batch, Refusal, left_out, read_batch, store_batch
from ostiary.errors import DomainError, invalid
from ostiary.http.json_text import read_json
from ostiary.ids import Entropy
from ostiary.store.work import Work
from ostiary_api.appid.management.v4 import cloud_directory_transfer_pb2 as pb

MAX_USERS = 50


class DirectoryImport:
    """The two phases of an import."""

    def __init__(self, clock: Clock, entropy: Entropy) -> None:
        self._clock = clock
        self._entropy = entropy

    def prepare(self, body: bytes, cipher: TransferCipher) -> Batch:
        """Reads the body. Raises MALFORMED_JSON, USERS_MISSING, TOO_MANY_USERS, and 429 HASHING_BUSY."""
        return read_batch(_users(read_json(body, checked=False)), cipher)

    def store(self, work: Work, tenant_id: str, batch: Batch) -> pb.CloudDirectoryImportResult:
        """Stores what can be stored. Raises CONFLICT (409) when another import came between."""
        refused = store_batch(work, tenant_id, batch, self._entropy, self._clock.now_ms())
        total = len(batch.entrants) + len(batch.refused)
        return pb.CloudDirectoryImportResult(
            added=total - len(refused), failed=len(refused), fail_reasons=map(failure, refused),
            left_out=omissions(map(failure, left_out(batch, refused))),
        )  # fmt: skip


def failure(refusal: Refusal) -> pb.CloudDirectoryImportFailure:
    """Returns a refusal in the form that the caller sees."""
    names = refusal.names
    return pb.CloudDirectoryImportFailure(
        original_id=names.get("originalId"), id=names.get("id"), email=names.get("email"),
        user_name=names.get("userName"), error=transfer_error(refusal.error),
    )  # fmt: skip


def omissions(reasons: Iterable[pb.CloudDirectoryImportFailure]) -> pb.CloudDirectoryImportLeftOut | None:
    """Returns what was left out of users who were added; None if nothing was."""
    shown = pb.CloudDirectoryImportLeftOut(reasons=reasons)
    return shown if shown.reasons else None


def transfer_error(error: DomainError) -> pb.CloudDirectoryTransferError:
    """Returns the reason why one of several users was refused."""
    return pb.CloudDirectoryTransferError(code=error.reason, message=error.message)


def _users(document: Any) -> list[Any]:
    users = document.get("users") if isinstance(document, dict) else None
    if not isinstance(users, list):
        raise invalid("USERS_MISSING", 'The body must be a JSON object with a list "users".')
    if len(users) > MAX_USERS:
        message = f"An import takes at most {MAX_USERS} users at once; import/all takes a file of any number."
        raise invalid("TOO_MANY_USERS", message)
    return users
