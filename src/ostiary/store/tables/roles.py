"""Application roles: named sets of (application, scope)."""

from __future__ import annotations

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from ostiary.store.tables.columns import client_id_column, moment, of_client, owned_by, sorted_text, text


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
    __table_args__ = (of_client(), Index("ix_role_scopes_client", "tenant_id", "client_id"))
    tenant_id: str = owned_by("tenants.id")
    role_id: str = owned_by("roles.id", key=True)
    client_id: str = client_id_column(key=True)
    scope: str = Field(primary_key=True, max_length=64)
    position: int = 0
