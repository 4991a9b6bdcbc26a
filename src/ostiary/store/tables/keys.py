"""Signing keys, sealed at rest."""

from __future__ import annotations

from sqlalchemy import Column, Index, Text
from sqlmodel import Field, SQLModel

from ostiary.store.tables.columns import moment, owned_by


class SigningKey(SQLModel, table=True):
    """A key pair of a tenant; the system organization's are the platform's.

    One active key per (tenant, use): the partial unique index decides who wins when two workers make the first one.
    """

    __tablename__ = "signing_keys"
    __table_args__ = (
        Index("ix_signing_keys_active", "tenant_id", "use", unique=True,
              sqlite_where=Column("state") == "active", postgresql_where=Column("state") == "active"),
        Index("ix_signing_keys_tenant", "tenant_id", "use", "state"),
    )  # fmt: skip
    id: str = Field(primary_key=True, description="kid")
    tenant_id: str = owned_by("tenants.id")
    use: str = Field(max_length=16, description="token, saml-sign or saml-encrypt.")
    algorithm: str = Field(default="RS256", max_length=16)
    state: str = Field(max_length=16, description="next, active or retired.")
    public_jwk: str = Field(sa_column=Column(Text, nullable=False))
    sealed_private: str = Field(sa_column=Column(Text, nullable=False))
    created_at: int = moment()
    retired_at: int | None = moment(optional=True)
