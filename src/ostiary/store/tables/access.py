"""Access rights: API keys, and the organization roles of directory users."""

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


class Membership(SQLModel, table=True):
    """An organization role (org_owner, org_member, platform_operator) that a directory user holds in its tenant."""

    __tablename__ = "memberships"
    tenant_id: str = owned_by("tenants.id", key=True)
    user_id: str = owned_by("users.id", key=True)
    role: str = Field(primary_key=True, max_length=32)
    created_at: int = moment()
