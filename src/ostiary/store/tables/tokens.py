"""Grants, the codes and refresh tokens issued under them, and access tokens that were revoked before they expired."""

from __future__ import annotations

from sqlalchemy import Index, TextClause
from sqlalchemy import text as sql
from sqlmodel import Field, SQLModel

from ostiary.store.tables.columns import client_id_column, digest_column, end_of_row, moment, owned_by, text

ANSWERED: TextClause = sql("sealed_answer <> ''")
"""Grants that hold an answer, few at any time. Written out: see `AUTHENTICATIONS`."""


class Grant(SQLModel, table=True):
    """One authorization: the family of all refresh tokens that descend from one sign-in.

    `kind` is rotating (`/oauth/v4`, `/oidc`) or api_token (reusable, listed, revocable). `subject` is the `sub` of its
    tokens; `user_id` the directory user behind it, if any.
    """

    __tablename__ = "grants"
    __table_args__ = (
        Index("ix_grants_subject", "tenant_id", "subject"),
        Index("ix_grants_user", "tenant_id", "user_id"),
        Index("ix_grants_client", "tenant_id", "client_id"),
        Index("ix_grants_answers", "last_used_at", sqlite_where=ANSWERED, postgresql_where=ANSWERED),
    )
    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = owned_by("tenants.id")
    kind: str = Field(max_length=16)
    audience: str = Field(max_length=16, description="appid or platform.")
    client_id: str = client_id_column(default="")
    subject: str = Field(max_length=255)
    user_id: str = Field(default="", max_length=36)
    session_id: str = Field(default="", max_length=36)
    name: str = ""
    scope: str = text()
    amr: str = Field(default="", description="Space-separated.")
    auth_time: int = moment()
    acr: str = Field(default="", max_length=64, description="Where the client asked for one.")
    claims: str = text()
    """What the client asked for by the parameter `claims`, beyond what scopes give."""
    access_epoch: int = Field(default=0, description="The subject's when it signed in: a later one ends the grant.")
    created_at: int = moment()
    expires_at: int = end_of_row()
    last_used_at: int | None = moment(optional=True)
    revoked_at: int | None = moment(optional=True)
    sealed_answer: str = text()
    """The answer of the last refresh, repeated to the same client within the grace period, and then forgotten."""


class RefreshToken(SQLModel, table=True):
    """A refresh token; its digest is its name. `successor` is the digest of the one that replaced it.

    There is one for each refresh, kept until it would have expired, so that a second use is known: it holds no more
    than that takes, and its tenant is its grant's.
    """

    __tablename__ = "refresh_tokens"
    digest: str = digest_column(key=True)
    grant_id: str = owned_by("grants.id", index=True)
    issued_at: int = moment()
    expires_at: int = end_of_row()
    used_at: int | None = moment(optional=True)
    successor: str = digest_column()
    access_digest: str = digest_column()
    """The digest of the access token issued with it."""


class AuthorizationCode(SQLModel, table=True):
    """A code of RFC 6749 §4.1.2: bound to client, redirect URI and PKCE challenge; used once."""

    __tablename__ = "authorization_codes"
    digest: str = Field(primary_key=True, max_length=64)
    tenant_id: str = owned_by("tenants.id", index=True)
    audience: str = Field(default="appid", max_length=16, description="As of a grant.")
    client_id: str = client_id_column()
    redirect_uri: str = text()
    subject: str = Field(max_length=255)
    user_id: str = Field(default="", max_length=36)
    session_id: str = Field(default="", max_length=36)
    scope: str = text()
    nonce: str = text()
    challenge: str = text()
    amr: str = ""
    auth_time: int = moment()
    acr: str = Field(default="", max_length=64, description="As of a grant.")
    claims: str = text()
    """As of a grant."""
    access_epoch: int = Field(default=0, description="As of a grant.")
    expires_at: int = end_of_row()
    used_at: int | None = moment(optional=True)
    grant_id: str = Field(default="", max_length=36, description="What its use issued, revoked if it is used again.")
    access_digest: str = Field(default="", max_length=64)


class UsedOnce(SQLModel, table=True):
    """A single-use value from outside that was used: the form of a sign-in, an assertion. Kept until it would have
    expired."""

    __tablename__ = "used_once"
    tenant_id: str = owned_by("tenants.id", key=True)
    digest: str = Field(primary_key=True, max_length=64, description="Of its kind and its id.")
    expires_at: int = end_of_row(forbids=True)


class RevokedToken(SQLModel, table=True):
    """An access token that is dead before its `exp`: the digest of the whole token."""

    __tablename__ = "revoked_tokens"
    digest: str = Field(primary_key=True, max_length=64)
    tenant_id: str = owned_by("tenants.id", index=True)
    expires_at: int = end_of_row(forbids=True)
