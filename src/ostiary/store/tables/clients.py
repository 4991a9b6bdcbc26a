"""OAuth clients: App ID's applications, the Identity Service's service accounts, and those of Cloud Director with the
devices that wait to be granted one (RFC 8628)."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from ostiary.store.tables.columns import (
    client_id_column,
    end_of_row,
    moment,
    of_client,
    optional_text,
    owned_by,
    sorted_text,
    text,
)


class Client(SQLModel, table=True):
    """An OAuth client (RFC 6749 §2). The secret is kept twice: its digest to compare, sealed to show again.

    Its id is unique in its tenant. Paths that name no tenant find it by the id alone.
    """

    __tablename__ = "clients"
    __table_args__ = (Index("ix_clients_id", "id", "tenant_id"),)
    tenant_id: str = owned_by("tenants.id", key=True)
    id: str = client_id_column(key=True)
    name: str = sorted_text()
    type: str = Field(description="regularwebapp (confidential), singlepageapp (public) or mobileapp (its own key).")
    secret_digest: str = Field(default="", description="Empty for public clients.")
    sealed_secret: str = Field(default="")
    enabled: bool = True
    service_account: bool = Field(default=False, description="Allow-listed by an operator.")
    redirect_uris: str | None = optional_text()
    """A JSON list of redirect URIs of its own; None: the tenant's."""
    logout_redirect_uris: str | None = optional_text()
    """Likewise, of URIs to which a browser may return after signing out."""
    backchannel_logout_uri: str = text()
    """Where it is told of sign-outs by a call; empty if nowhere. Likewise the next one, through the browser."""
    frontchannel_logout_uri: str = text()
    access_lifetime_s: int | None = Field(default=None, description="Of its access and identity tokens.")
    refresh_lifetime_s: int | None = Field(default=None, description="Of its refresh tokens.")
    most_groups: int | None = Field(default=None, description="In identity tokens of the platform.")
    tokens_valid_from: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    """Access tokens issued before the second of this moment (UTC milliseconds) are those of a former client with this
    id, and dead."""
    created_at: int = moment()


class MobileApp(SQLModel, table=True):
    """What a client of the type mobileapp has registered of itself: one app on one device."""

    __tablename__ = "mobile_apps"
    __table_args__ = (of_client(),)
    tenant_id: str = owned_by("tenants.id", key=True)
    client_id: str = client_id_column(key=True)
    public_key: str = text()
    """Its RSA key: modulus and exponent in lower-case hexadecimal, with a blank between."""
    software_id: str = text()
    software_version: str = text()
    device_id: str = text()
    device_model: str = text()
    device_os: str = text()
    device_os_version: str = text()


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


class ServiceAccount(SQLModel, table=True):
    """A program that acts in an organization with a role of its own. Its id is the `client_id` of its registration, and
    the subject of its grants."""

    __tablename__ = "service_accounts"
    __table_args__ = (UniqueConstraint("tenant_id", "name_key"),)
    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = owned_by("tenants.id", index=True)
    name: str = sorted_text()
    name_key: str
    role: str = Field(max_length=36, description="The name of a built-in role, or a role's id, as of bindings.")
    software_id: str = text()
    software_version: str = text()
    uri: str = text()
    created_at: int = moment()


class DeviceAuthorization(SQLModel, table=True):
    """A device that waits for an administrator. Both of its codes are kept as digests; `decision` is empty until it is
    granted or denied. It goes when its tokens are issued."""

    __tablename__ = "device_authorizations"
    __table_args__ = (UniqueConstraint("tenant_id", "user_code"),)
    digest: str = Field(primary_key=True, max_length=64)
    tenant_id: str = owned_by("tenants.id")
    account_id: str = owned_by("service_accounts.id", index=True)
    user_code: str = Field(max_length=64)
    decision: str = Field(default="", max_length=8)
    interval_s: int = Field(description="Seconds between two polls; each that is too early adds five.")
    polled_at: int | None = moment(optional=True)
    expires_at: int = end_of_row()
