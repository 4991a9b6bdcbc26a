"""Steps that the jobs of exports and imports share: how a job is read, how it advances, how it ends.

A job works in steps. Each step is a short transaction that stores the step's work and how far the job is: a process
that continues after an interruption begins where the last step ended, and of two processes at the same job one finds
that the other has done the step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select, update

from ostiary.clock import Clock
from ostiary.delivery.channels.mail_channel import mail
from ostiary.delivery.outbox import Outbox
from ostiary.delivery.texts.templates import TRANSFER_ENDED
from ostiary.directory.transfer.cipher import TransferCipher, TransferCiphers
from ostiary.directory.transfer.files import FileKeys, TransferFile, drop_file, open_keys, seal_keys
from ostiary.directory.transfer.transfers import DONE, EXPORT, FAILED, WAITING, kept_ms
from ostiary.errors import DomainError
from ostiary.ids import Entropy
from ostiary.keys.sealing import Sealing
from ostiary.settings.languages import DEFAULT_LANGUAGE
from ostiary.store.engine import Store
from ostiary.store.tables import Transfer, table_of
from ostiary.store.work import Work

TURN_MS = 5_000
"""The time for which a job works before other jobs get their turn."""
LEASE_MS = 60_000
"""The time of a lease, longer than a turn ever takes; after a crash any process may continue the job so much later."""
_TRANSFERS = table_of(Transfer)


class Overtaken(Exception):
    """Another process has done this step, or the transfer was deleted."""


@dataclass(frozen=True, slots=True)
class Running:
    """A transfer that has not ended, as it was read at the beginning of a step."""

    row: Row[Any]
    keys: FileKeys
    file: TransferFile
    cipher: TransferCipher


class TransferJob:
    """The common part of both jobs."""

    def __init__(
        self, store: Store, clock: Clock, entropy: Entropy, sealing: Sealing, ciphers: TransferCiphers
    ) -> None:
        self.store = store
        self.clock = clock
        self.entropy = entropy
        self._sealing = sealing
        self._ciphers = ciphers
        self._outbox = Outbox(sealing, entropy)

    def read(self, transfer_id: str) -> Running | None:
        """The transfer; None when it has ended or is gone."""
        asked = select(_TRANSFERS).where(_TRANSFERS.c.id == transfer_id, _TRANSFERS.c.state == WAITING)
        with self.store.read() as work:
            row = work.row(asked)
        if row is None or row.expires_at <= self.clock.now_ms():
            return None
        keys = open_keys(self._sealing, row.tenant_id, row.id, row.sealed_secrets)
        file = TransferFile(self.entropy, row.tenant_id, row.id, keys)
        return Running(row, keys, file, self._ciphers.of(row.tenant_id, keys.secret))

    def advance(self, work: Work, running: Running, **values: Any) -> None:
        """Notes how far the job is, in the transaction of the step. Raises Overtaken."""
        row = running.row
        same = (_TRANSFERS.c.id == row.id, _TRANSFERS.c.state == WAITING, _TRANSFERS.c.done == row.done)
        if not work.run(update(_TRANSFERS).where(*same).values(values)):
            raise Overtaken

    def finish(self, work: Work, running: Running, error: DomainError | None = None) -> None:
        """Ends the job, as part of its last step: what it needed no more is forgotten."""
        row, now_ms = running.row, self.clock.now_ms()
        kept = row.kind == EXPORT and error is None
        ended: dict[str, Any] = {
            "state": FAILED if error else DONE, "error": error.message if error else "", "finished_at": now_ms,
            "expires_at": now_ms + kept_ms(row), "sealed_secrets": "",
        }  # fmt: skip
        if kept:
            ended["sealed_secrets"] = seal_keys(self._sealing, row.tenant_id, row.id, running.keys.forgetting())
        else:
            drop_file(work, row.tenant_id, row.id)
        work.run(update(_TRANSFERS).where(_TRANSFERS.c.id == row.id).values(ended))
        if row.email:
            outcome = "has failed: ask for its status" if error else "has ended"
            facts = {"kind": row.kind, "id": row.id, "outcome": outcome}
            values = {"user": {"displayName": row.email}, "transfer": facts}
            message = mail(TRANSFER_ENDED, row.email, DEFAULT_LANGUAGE, values)
            self._outbox.add(work, row.tenant_id, message, now_ms)
