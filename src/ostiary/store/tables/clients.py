"""OAuth clients: App ID's applications, the Identity Service's service accounts."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from ostiary.store.tables.columns import client_id_column, moment, of_client, optional_text, owned_by, sorted_text


class Client(SQLModel, table=True):
    """An OAuth client (RFC 6749 §2). The secret is kept twice: its digest to compare, sealed to show again.

    Its id is unique in its tenant. Paths that name no tenant find it by the id alone.
    """

    __tablename__ = "clients"
    __table_args__ = (Index("ix_clients_id", "id", "tenant_id"),)
    tenant_id: str = owned_by("tenants.id", key=True)
    id: str = client_id_column(key=True)
    name: str = sorted_text()
    type: str = Field(description="regularwebapp (confidential) or singlepageapp (public).")
    secret_digest: str = Field(default="", description="Empty for public clients.")
    sealed_secret: str = Field(default="")
    enabled: bool = True
    service_account: bool = Field(default=False, description="Allow-listed by an operator.")
    redirect_uris: str | None = optional_text()
    """A JSON list of redirect URIs of its own; None: the tenant's."""
    logout_redirect_uris: str | None = optional_text()
    """Likewise, of URIs to which a browser may return after signing out."""
    access_lifetime_s: int | None = Field(default=None, description="Of its access and identity tokens.")
    refresh_lifetime_s: int | None = Field(default=None, description="Of its refresh tokens.")
    most_groups: int | None = Field(default=None, description="In identity tokens of the platform.")
    tokens_valid_from: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    """Access tokens issued before the second of this moment (UTC milliseconds) are those of a former client with this
    id, and dead."""
    created_at: int = moment()


class ClientScope(SQLModel, table=True):
    """A scope that an application defines."""

    __tablename__ = "client_scopes"
    __table_args__ = (of_client(), UniqueConstraint("tenant_id", "client_id", "scope"))
    tenant_id: str = owned_by("tenants.id", key=True)
    client_id: str = client_id_column(key=True)
    position: int = Field(primary_key=True, description="Lists come back in the order in which they were put.")
    scope: str = Field(max_length=64)


class ClientRole(SQLModel, table=True):
    """A role of the application itself; counts for client_credentials only."""

    __tablename__ = "client_roles"
    __table_args__ = (of_client(),)
    tenant_id: str = owned_by("tenants.id", key=True)
    client_id: str = client_id_column(key=True)
    role_id: str = owned_by("roles.id", key=True, index=True)
