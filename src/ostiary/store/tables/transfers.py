"""Exports and imports of directory users: exports that can be downloaded, imports that are in progress."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, LargeBinary
from sqlmodel import Field, SQLModel

from ostiary.store.tables.columns import end_of_row, moment, owned_by, text


class Transfer(SQLModel, table=True):
    """A file of directory users; the job of the same id makes it (export) or takes its users in (import).

    `sealed_secrets` is a JSON object: `file`, the key of the parts, and `secret`, that of the hashes, which is
    forgotten with the end of the job. Without the keys the parts are of no use to anybody.
    """

    __tablename__ = "transfers"
    __table_args__ = (Index("ix_transfers_kind", "tenant_id", "kind", "state"),)
    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = owned_by("tenants.id")
    kind: str = Field(max_length=8, description="export or import.")
    state: str = Field(max_length=16, description="receiving (an upload), waiting, done or failed.")
    sealed_secrets: str = text()
    email: str = text()
    """The address that is told when the transfer has ended; empty: none."""
    days: int = Field(default=0, description="How long the file of an export is kept.")
    total: int = Field(default=0, description="Users of an export, as they were when it began.")
    done: int = Field(default=0, description="Users that were written or read so far.")
    failed: int = Field(default=0, description="Of those, the ones that were not taken in.")
    reasons: str = text(default="[]")
    """The first of them, with why: a JSON list."""
    error: str = text()
    """The reason why the whole transfer failed."""
    position: str = text()
    """The last user that an export has written."""
    parts: int = 0
    size: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    """Bytes of the file."""
    consumed: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    """Bytes of an import that were read."""
    created_at: int = moment()
    finished_at: int | None = moment(optional=True)
    expires_at: int = end_of_row()


class TransferPart(SQLModel, table=True):
    """A piece of a file: AES-256-GCM under the file's own key."""

    __tablename__ = "transfer_parts"
    tenant_id: str = owned_by("tenants.id", index=True)
    transfer_id: str = owned_by("transfers.id", key=True)
    number: int = Field(primary_key=True)
    content: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
