"""Job of an export: writes the users in steps; each step writes one piece of the file.

The file is one JSON document with `users`, compressed. Each piece is a gzip member of its own (RFC 1952 §2.2: members
that follow one another are one file), so that a job which was interrupted needs no compressor's state to go on.
"""

from __future__ import annotations

import gzip
from typing import Any

from sqlalchemy import func, select

from ostiary.directory.transfer.job import TURN_MS, Overtaken, Running, TransferJob
from ostiary.directory.transfer.user_export import exported
from ostiary.directory.users.users import users_after
from ostiary.http.json_text import write_json
from ostiary.store.tables import User, table_of

_USERS = table_of(User)
SIZE = 250
"""Users of one piece."""
MEDIA_TYPE = "application/gzip"


class ExportJob:
    """Writes users into a file."""

    def __init__(self, job: TransferJob) -> None:
        self._job = job

    def turn(self, _tenant_id: str, transfer_id: str) -> bool:
        """Works for a limited time; returns whether nothing is left to do."""
        until = self._job.clock.now_ms() + TURN_MS
        while True:
            running = self._job.read(transfer_id)
            if running is None:
                return True
            try:
                ended = self._step(running)
            except Overtaken:
                return False
            if ended or self._job.clock.now_ms() >= until:
                return ended

    def _step(self, running: Running) -> bool:
        """Writes one piece; returns whether it was the last."""
        row = running.row
        running.cipher.prepare()
        with self._job.store.read() as work:
            total = row.total or _count(work.row(select(func.count()).where(_USERS.c.tenant_id == row.tenant_id)))
            users = users_after(work, row.tenant_id, row.position, SIZE)
            documents = exported(work, row.tenant_id, users, running.cipher)
        ended = len(users) < SIZE
        piece = gzip.compress(_text(documents, first=not row.parts, last=ended).encode(), mtime=0)
        position = f"{users[-1].created_at} {users[-1].id}" if users else row.position
        done = row.done + len(users)
        with self._job.store.write() as work:
            self._job.advance(
                work, running, done=done, total=done if ended else max(total, done), position=position,
                parts=row.parts + 1, size=row.size + len(piece),
            )  # fmt: skip
            running.file.write(work, row.parts, piece)
            if ended:
                self._job.finish(work, running)
        return ended


def _count(row: Any) -> int:
    return int(row[0]) if row else 0


def _text(documents: list[dict[str, Any]], *, first: bool, last: bool) -> str:
    """A user a line, so that people can look into a file too."""
    begin = '{"users":[\n' if first else ",\n" if documents else ""
    return begin + ",\n".join(map(write_json, documents)) + ("\n]}\n" if last else "")
