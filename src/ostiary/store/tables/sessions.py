"""Sessions of users who signed in, and the sign-ins on their way there."""

from __future__ import annotations

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from ostiary.store.tables.columns import client_id_column, end_of_row, moment, of_client, only_where, owned_by, text


class Session(SQLModel, table=True):
    """A signed-in session: `kind` is browser (a cookie), cloudapi or csp (a token). Ended ones stay
    until they expire."""

    __tablename__ = "sessions"
    __table_args__ = (
        Index("ix_sessions_user", "tenant_id", "user_id"),
        Index("ix_sessions_grant", "tenant_id", "grant_id"),
        Index("ix_sessions_ended", "ended_at", **only_where("ended_at IS NOT NULL")),
    )
    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = owned_by("tenants.id")
    kind: str = Field(max_length=16)
    user_id: str = Field(max_length=36)
    grant_id: str = Field(default="", max_length=36, index=True, description="The API token with which it ends.")
    secret: str = Field(default="", max_length=64, index=True, description="Digest of the cookie's secret.")
    amr: str = ""
    proofs: str = text()
    """What was proved when, of a session that opens other applications: see `oauth.authorize.proofs`."""
    idle_s: int = Field(default=0, description="Seconds without use after which it opens none; 0: it never does.")
    auth_time: int = moment()
    access_epoch: int = Field(default=0, description="The user's at sign-in: a later one ends the session.")
    agent: str = Field(default="", max_length=64, description="The browser, as people name it.")
    address: str = Field(default="", max_length=64, description="The client's address at the last proof.")
    created_at: int = moment()
    last_seen_at: int = moment()
    expires_at: int = end_of_row()
    ended_at: int | None = moment(optional=True)


class SessionClient(SQLModel, table=True):
    """An application to which a session has signed somebody in, and which wants to be told when that ends. The row goes
    when it is told."""

    __tablename__ = "session_clients"
    __table_args__ = (of_client(), Index("ix_session_clients_client", "tenant_id", "client_id"))
    session_id: str = owned_by("sessions.id", key=True)
    tenant_id: str = owned_by("tenants.id")
    client_id: str = client_id_column(key=True)
    audience: str = Field(primary_key=True, max_length=16, description="appid or platform: whose tokens it got.")
    subject: str = Field(max_length=255, description="The `sub` in them.")


class SignInTransaction(SQLModel, table=True):
    """A sign-in between its first proved factor and its end. Before, the browser has all of it, sealed, and nothing is
    stored; at its end the row goes, and a record of the single use (`used_once`) stays.

    `version` grows with each change. A form belongs to one version: of two forms sent at once only one continues.
    """

    __tablename__ = "sign_in_transactions"
    id: str = Field(primary_key=True, max_length=64)
    tenant_id: str = owned_by("tenants.id", index=True)
    subject: str = Field(max_length=64, description="The profile that the first factor has found.")
    version: int
    sealed_state: str = text()
    """The request, the steps done with time and method, the identity found, and what steps remember: JSON, sealed."""
    expires_at: int = end_of_row()
