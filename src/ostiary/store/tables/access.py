"""API keys: access to the management side for programs."""

from __future__ import annotations

from sqlmodel import Field, SQLModel

from ostiary.store.tables.columns import moment, owned_by


class ApiKey(SQLModel, table=True):
    """A key for the management side. Only its digest is kept; keys of the system organization are operators'."""

    __tablename__ = "api_keys"
    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = owned_by("tenants.id", index=True)
    name: str
    digest: str = Field(unique=True, max_length=64)
    role: str = Field(description="reader, writer, manager or platform_operator.")
    created_at: int = moment()
    revoked_at: int | None = moment(optional=True)
