"""Records that must not be lost: audit events, messages to send, counters that protect accounts."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, TextClause
from sqlalchemy import text as sql
from sqlmodel import Field, SQLModel

from ostiary.store.tables.columns import moment, owned_by, text

AUTHENTICATIONS: TextClause = sql("action IN ('appid.user.authenticate', 'appid.application.authenticate')")
"""The condition for sign-ins, few among reads. Written out: a database uses a partial index only for the very condition
it names."""


class AuditEvent(SQLModel, table=True):
    """An audit event: who did what to what in which tenant, and how it ended. Append-only; ids, never names or secrets.

    The rows outlast their tenant: they are deleted when they are old, and not before.
    """

    __tablename__ = "audit_events"
    __table_args__ = (
        Index("ix_audit_events_at", "at", "id"),
        Index("ix_audit_events_tenant", "tenant_id", "at", "id"),
        Index(
            "ix_audit_events_authentications", "tenant_id", "at", "id", sqlite_where=AUTHENTICATIONS,
            postgresql_where=AUTHENTICATIONS,
        ),
    )  # fmt: skip
    id: int | None = Field(
        default=None,
        sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    )
    tenant_id: str = Field(max_length=36)
    at: int = moment()
    action: str
    outcome: str = Field(max_length=16, description="success or failure.")
    reason_code: int = 200
    initiator_kind: str = Field(default="", max_length=24)
    initiator_id: str = Field(default="", max_length=255)
    target_type: str = ""
    target_id: str = ""
    target_name: str = ""
    request_id: str = Field(default="", max_length=64)


class Message(SQLModel, table=True):
    """A message to send, written in the transaction that causes it (the outbox).

    The process that sends it first moves `next_attempt_at` beyond its own timeout, so that no other process sends it
    meanwhile, and another one does if this process dies. Target, payload and code are deleted once it is sent.
    """

    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_due", "state", "next_attempt_at"),)
    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = owned_by("tenants.id", index=True)
    channel: str = Field(max_length=32, description="How it is sent: email, sms.")
    target: str = text()
    """Address of the receiver, as the channel writes it: a mail address, a number."""
    payload: str = text(default="{}")
    """Content of the message, a JSON object: `kind` (USER_VERIFICATION, WELCOME, …) and what the channel needs."""
    sealed_code: str = text()
    """The one-time code that the message carries, if any."""
    state: str = Field(default="waiting", max_length=16, description="waiting, sent or failed.")
    attempts: int = 0
    created_at: int = moment()
    next_attempt_at: int = moment()
    give_up_at: int = moment()
    finished_at: int | None = moment(optional=True)


class Counter(SQLModel, table=True):
    """The number of events in a window of time: exact on any number of processes.

    `name` is the name of the limit, `subject` what it protects (a keyed digest where that is a person).
    """

    __tablename__ = "counters"
    tenant_id: str = owned_by("tenants.id", key=True)
    name: str = Field(primary_key=True, max_length=48)
    subject: str = Field(primary_key=True, max_length=300)
    count: int = 0
    window_until: int = moment(index=True)
    blocked_until: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
