"""Job of an import: stores the users of a file in batches, and with each batch how far the job is."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ostiary.directory.transfer.job import TURN_MS, Overtaken, Running, TransferJob
from ostiary.directory.transfer.transfers import LEFT_OUT, all_reasons
from ostiary.directory.transfer.user_file import UserFile, no_users
from ostiary.directory.transfer.user_import import WRITTEN, Batch, Refusal, left_out, read_batch, store_batch
from ostiary.errors import DomainError, Kind
from ostiary.store.tenancy import touch
from ostiary.store.work import Work

SIZE = 100
"""Users of one transaction: on SQLite every other writer waits for its end."""
MAX_REASONS = 1_000
"""Users of whom is kept why they, or a part of them, were not taken in; the others are counted."""
MAX_OPEN_FILES = 4
"""Files that one process keeps open."""


@dataclass(slots=True)
class OpenFile:
    """A file that is being read; `done` users of it were handed out."""

    file: UserFile
    users: Iterator[Any]
    done: int = 0


class ImportJob:
    """Takes users in. Between its turns the file stays open; after a restart it is read again up to where it was."""

    def __init__(self, job: TransferJob) -> None:
        self._job = job
        self._readings: dict[str, OpenFile] = {}

    def turn(self, _tenant_id: str, transfer_id: str) -> bool:
        """Works for a limited time; returns whether nothing is left to do."""
        until = self._job.clock.now_ms() + TURN_MS
        while True:
            running = self._job.read(transfer_id)
            if running is None:
                self._readings.pop(transfer_id, None)
                return True
            try:
                ended = self._step(running)
            except BaseException as error:
                self._readings.pop(transfer_id, None)  # it is ahead of what was stored
                if isinstance(error, Overtaken) or (isinstance(error, DomainError) and error.kind is Kind.CONFLICT):
                    return False  # others came between: again, from what is stored
                raise
            if ended:
                self._readings.pop(transfer_id, None)
                self._job.store.tidy(*WRITTEN)
            if ended or self._job.clock.now_ms() >= until:
                return ended

    def _step(self, running: Running) -> bool:
        """Stores one batch; returns whether it was the last."""
        reading = self._reading(running)
        documents, error = _next_users(reading)
        batch = read_batch(documents, running.cipher)
        ended = error is not None or len(documents) < SIZE
        if ended and error is None and not reading.done:
            error = no_users()
        with self._job.store.write() as work:
            self._store(work, running, reading, batch)
            if ended:
                touch(work, running.row.tenant_id)  # how many users it has about, is another number now
                self._job.finish(work, running, error)
        return ended

    def _store(self, work: Work, running: Running, reading: OpenFile, batch: Batch) -> None:
        row = running.row
        refused = store_batch(work, row.tenant_id, batch, self._job.entropy, self._job.clock.now_ms())
        changed: dict[str, Any] = {"done": reading.done, "consumed": reading.file.consumed}
        incomplete = left_out(batch, refused)
        if refused or incomplete:
            reasons = [*map(_shown, refused), *({**_shown(one), LEFT_OUT: True} for one in incomplete)]
            changed |= {"failed": row.failed + len(refused), "reasons": _with(all_reasons(row), reasons)}
        self._job.advance(work, running, **changed)

    def _reading(self, running: Running) -> OpenFile:
        """The file at the user who is next."""
        row = running.row
        known = self._readings.get(row.id)
        if known is not None and known.done == row.done:
            return known
        while len(self._readings) >= MAX_OPEN_FILES:  # those of jobs that another process has taken over
            self._readings.pop(next(iter(self._readings)))
        file = UserFile(running.file.pieces(self._job.store, row.parts))
        reading = self._readings[row.id] = OpenFile(file, file.users())
        for _user in itertools.islice(reading.users, row.done):
            reading.done += 1
        return reading


def _next_users(reading: OpenFile) -> tuple[list[Any], DomainError | None]:
    """The users of a step, and what is wrong with the file behind them."""
    documents: list[Any] = []
    try:
        for document in itertools.islice(reading.users, SIZE):
            documents.append(document)
            reading.done += 1
    except DomainError as error:
        if error.kind is not Kind.INVALID:
            raise
        return documents, error
    return documents, None


def _with(reasons: list[dict[str, Any]], more: list[dict[str, Any]]) -> str:
    """As many as are kept, as JSON."""
    return json.dumps([*reasons, *more][:MAX_REASONS])


def _shown(refusal: Refusal) -> dict[str, Any]:
    """Writes it as the job's row holds it, in the form in which callers see it."""
    return {**refusal.names, "error": {"code": refusal.error.reason, "message": refusal.error.message}}
