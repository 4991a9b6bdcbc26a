"""Service accounts of Cloud Director, and the devices that wait to be granted one (RFC 8628)."""

from __future__ import annotations

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from ostiary.store.tables.columns import end_of_row, moment, owned_by, sorted_text, text


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
