"""Exports and imports of whole directories: requests begin them, jobs do the work."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update

from ostiary.clock import Clock
from ostiary.delivery.addresses import mailbox
from ostiary.directory.transfer.files import FileKeys, TransferFile, new_keys, open_keys, seal_keys
from ostiary.errors import DomainError, conflict, invalid, not_found
from ostiary.ids import Entropy, new_id
from ostiary.keys.sealing import Sealing
from ostiary.store.engine import Store
from ostiary.store.tables import Job, Tenant, Transfer, table_of
from ostiary.store.work import Work

EXPORT, IMPORT = "export", "import"
EXPORT_JOB, IMPORT_JOB = "directory_export", "directory_import"
RECEIVING, WAITING, DONE, FAILED = "receiving", "waiting", "done", "failed"
DAY_MS = 86_400_000
DEFAULT_DAYS = 7
RECEIVING_MS = 3_600_000
"""The time after which an unfinished upload is given up; no request lasts so long."""
MAX_JOB_MS = 7 * DAY_MS
"""The time after which a job is given up: what was sealed for it has expired then."""
MAX_KEPT = 10
"""The limit of finished exports of a tenant that have not expired."""
_TRANSFERS, _JOBS = table_of(Transfer), table_of(Job)


class Transfers:
    """The operations that requests have on exports and imports."""

    def __init__(self, store: Store, clock: Clock, entropy: Entropy, sealing: Sealing) -> None:
        self._store = store
        self._clock = clock
        self._entropy = entropy
        self._sealing = sealing

    def begin_export(self, work: Work, tenant_id: str, secret: str, email: str, days: int | None) -> str:
        """The id of a new export. Raises INVALID_ADDRESS, TRANSFER_RUNNING, TOO_MANY_EXPORTS (409)."""
        transfer = self._new(tenant_id, EXPORT, new_keys(self._entropy, secret), MAX_JOB_MS)
        transfer.state, transfer.email, transfer.days = WAITING, _address(email), days or DEFAULT_DAYS
        transfer_id = self._begin(work, transfer)
        self._enqueue(work, tenant_id, transfer_id, EXPORT_JOB)
        return transfer_id

    @contextmanager
    def upload(self, tenant_id: str) -> Iterator[Upload]:
        """Returns the upload of a new import's file; nothing of it is kept unless `begin_import` is called.

        Opens transactions of its own. Raises TRANSFER_RUNNING (409).
        """
        keys = new_keys(self._entropy)
        with self._store.write() as work:
            transfer_id = self._begin(work, self._new(tenant_id, IMPORT, keys, RECEIVING_MS))
        upload = Upload(self._store, self._entropy, tenant_id, transfer_id, keys)
        try:
            yield upload
        except BaseException:
            upload.give_up()
            raise

    def begin_import(self, work: Work, upload: Upload, secret: str, email: str) -> None:
        """Begins the import of a file that has been received. Raises INVALID_ADDRESS."""
        keys = FileKeys(upload.keys.file, secret)
        begun = {
            "state": WAITING, "email": _address(email), "parts": upload.parts, "size": upload.size,
            "sealed_secrets": seal_keys(self._sealing, upload.tenant_id, upload.id, keys),
            "expires_at": self._clock.now_ms() + MAX_JOB_MS,
        }  # fmt: skip
        work.run(update(_TRANSFERS).where(_TRANSFERS.c.id == upload.id).values(begun))
        self._enqueue(work, upload.tenant_id, upload.id, IMPORT_JOB)

    def _new(self, tenant_id: str, kind: str, keys: FileKeys, lasting_ms: int) -> Transfer:
        transfer_id, now_ms = new_id(self._entropy), self._clock.now_ms()
        return Transfer(
            id=transfer_id, tenant_id=tenant_id, kind=kind, state=RECEIVING, created_at=now_ms,
            sealed_secrets=seal_keys(self._sealing, tenant_id, transfer_id, keys), expires_at=now_ms + lasting_ms,
        )  # fmt: skip

    def _begin(self, work: Work, transfer: Transfer) -> str:
        work.get(Tenant, transfer.tenant_id, lock=True)  # of two that begin at once the second must see the first
        self._refuse_more(work, transfer.tenant_id, transfer.kind)
        work.add(transfer)
        return transfer.id

    def _enqueue(self, work: Work, tenant_id: str, transfer_id: str, kind: str) -> None:
        row = {"id": transfer_id, "tenant_id": tenant_id, "kind": kind, "created_at": self._clock.now_ms()}
        work.run(insert(_JOBS).values({**row, "state": "waiting", "progress": "{}"}))

    def _refuse_more(self, work: Work, tenant_id: str, kind: str) -> None:
        living = (_TRANSFERS.c.tenant_id == tenant_id, _TRANSFERS.c.expires_at > self._clock.now_ms())
        counted = select(_TRANSFERS.c.state, func.count().label("number")).where(*living, _TRANSFERS.c.kind == kind)
        numbers = {row.state: row.number for row in work.rows(counted.group_by(_TRANSFERS.c.state))}
        if numbers.keys() & {RECEIVING, WAITING}:
            raise conflict("TRANSFER_RUNNING", f"An {kind} of this tenant is running already; wait for its end.")
        if kind == EXPORT and numbers.get(DONE, 0) >= MAX_KEPT:
            raise conflict("TOO_MANY_EXPORTS", f"{MAX_KEPT} exports are kept at most; delete one first.")

    def get(self, work: Work, tenant_id: str, kind: str, transfer_id: str) -> Row[Any]:
        """The transfer. Raises TRANSFER_NOT_FOUND, for what has expired too."""
        asked = (_TRANSFERS.c.tenant_id == tenant_id, _TRANSFERS.c.kind == kind, _TRANSFERS.c.id == transfer_id)
        found = work.row(select(_TRANSFERS).where(*asked)) if "\0" not in transfer_id else None
        if found is None or found.state == RECEIVING or found.expires_at <= self._clock.now_ms():
            raise not_found("TRANSFER_NOT_FOUND", f"There is no {kind} with this id, or it has expired.")
        return found

    def file(self, transfer: Row[Any]) -> TransferFile:
        """The file of a finished export. Raises EXPORT_NOT_READY (409)."""
        if transfer.state != DONE:
            raise conflict("EXPORT_NOT_READY", "The export has not ended, or failed: ask export/status.")
        keys = open_keys(self._sealing, transfer.tenant_id, transfer.id, transfer.sealed_secrets)
        return TransferFile(self._entropy, transfer.tenant_id, transfer.id, keys)

    def delete(self, work: Work, transfer: Row[Any]) -> None:
        """Deletes a transfer with its file; a job that is at it ends."""
        work.run(delete(_TRANSFERS).where(_TRANSFERS.c.tenant_id == transfer.tenant_id, _TRANSFERS.c.id == transfer.id))


class Upload:
    """The file of an import while it is received. Each piece is stored in a transaction of its own."""

    def __init__(self, store: Store, entropy: Entropy, tenant_id: str, transfer_id: str, keys: FileKeys) -> None:
        self._store = store
        self._file = TransferFile(entropy, tenant_id, transfer_id, keys)
        self.tenant_id = tenant_id
        self.id = transfer_id
        self.keys = keys
        self.parts = 0
        self.size = 0

    def write(self, content: bytes) -> None:
        """The next piece."""
        with self._store.write() as work:
            self._file.write(work, self.parts, content)
        self.parts += 1
        self.size += len(content)

    def give_up(self) -> None:
        """Deletes everything that was received."""
        with self._store.write(awaited=False) as work:
            work.run(delete(_TRANSFERS).where(_TRANSFERS.c.tenant_id == self.tenant_id, _TRANSFERS.c.id == self.id))


def kept_ms(transfer: Row[Any]) -> int:
    """Returns for how long the rows of a transfer are kept after its end."""
    return int(transfer.days or DEFAULT_DAYS) * DAY_MS


LEFT_OUT = "leftOut"
"""Marks, among the reasons of an import, those of users who were taken in without a part of them."""


def all_reasons(transfer: Row[Any]) -> list[dict[str, Any]]:
    """Returns what an import has noted about users, as it is stored."""
    reasons: list[dict[str, Any]] = json.loads(transfer.reasons)
    return reasons


def reasons_of(transfer: Row[Any], *, left_out: bool = False) -> list[dict[str, Any]]:
    """Returns why users were not imported; or, of those who were, what was left out."""
    noted = [dict(one) for one in all_reasons(transfer)]
    return [one for one in noted if one.pop(LEFT_OUT, False) is left_out]


def _address(email: str) -> str:
    """Raises INVALID_ADDRESS."""
    return mailbox("emailAddress", email).address if email else ""


def no_file() -> DomainError:
    """An import without a file."""
    return invalid("FILE_MISSING", "The form must have a part file with the file of an export.")
