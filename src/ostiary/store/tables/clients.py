"""OAuth clients: App ID's applications, the Identity Service's service accounts."""

from __future__ import annotations

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from ostiary.store.tables.columns import moment, owned_by, sorted_text


class Client(SQLModel, table=True):
    """An OAuth client (RFC 6749 §2). The secret is kept twice: its digest to compare, sealed to show again."""

    __tablename__ = "clients"
    id: str = Field(primary_key=True, max_length=36, description="client_id")
    tenant_id: str = owned_by("tenants.id", index=True)
    name: str = sorted_text()
    type: str = Field(description="regularwebapp (confidential) or singlepageapp (public).")
    secret_digest: str = Field(default="", description="Empty for public clients.")
    sealed_secret: str = Field(default="")
    enabled: bool = True
    service_account: bool = Field(default=False, description="Allow-listed by an operator.")
    created_at: int = moment()


class ClientScope(SQLModel, table=True):
    """A scope that an application defines."""

    __tablename__ = "client_scopes"
    __table_args__ = (UniqueConstraint("client_id", "scope"),)
    tenant_id: str = owned_by("tenants.id", index=True)
    client_id: str = owned_by("clients.id", key=True)
    position: int = Field(primary_key=True, description="Lists come back in the order in which they were put.")
    scope: str = Field(max_length=64)


class ClientRole(SQLModel, table=True):
    """A role of the application itself; counts for client_credentials only."""

    __tablename__ = "client_roles"
    tenant_id: str = owned_by("tenants.id", index=True)
    client_id: str = owned_by("clients.id", key=True)
    role_id: str = owned_by("roles.id", key=True, index=True)
