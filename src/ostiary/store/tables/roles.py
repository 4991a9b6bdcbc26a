"""Application roles: named sets of (application, scope)."""

from __future__ import annotations

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from ostiary.store.tables.columns import moment, owned_by, sorted_text, text


class Role(SQLModel, table=True):
    """A role of the tenant. The name is free text, unique in the tenant."""

    __tablename__ = "roles"
    __table_args__ = (UniqueConstraint("tenant_id", "name_key"),)
    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = owned_by("tenants.id", index=True)
    name: str = sorted_text()
    name_key: str
    description: str = text()
    created_at: int = moment()


class RoleScope(SQLModel, table=True):
    """A scope of an application that a role gives."""

    __tablename__ = "role_scopes"
    tenant_id: str = owned_by("tenants.id", index=True)
    role_id: str = owned_by("roles.id", key=True)
    client_id: str = owned_by("clients.id", key=True, index=True)
    scope: str = Field(primary_key=True, max_length=64)
    position: int = 0
