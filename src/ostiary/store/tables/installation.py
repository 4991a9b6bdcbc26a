"""Facts about the installation that belong to no tenant."""

from __future__ import annotations

from sqlmodel import Field, SQLModel

from ostiary.store.tables.columns import moment, text


class Fact(SQLModel, table=True):
    """A named fact about the installation, such as the check value of its master key."""

    __tablename__ = "installation"
    name: str = Field(primary_key=True, max_length=64)
    value: str = text()


class Lease(SQLModel, table=True):
    """The right to do a background task now; safe with any number of replicas."""

    __tablename__ = "leases"
    name: str = Field(primary_key=True, max_length=64)
    holder: str = Field(max_length=64)
    expires_at: int = moment()


class Job(SQLModel, table=True):
    """A long task that survives restarts, such as the deletion of a tenant."""

    __tablename__ = "jobs"
    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, index=True)
    kind: str = Field(max_length=32)
    state: str = Field(default="waiting", max_length=16, description="waiting, done or failed.")
    progress: str = text(default="{}")
    created_at: int = moment()
    finished_at: int | None = moment(optional=True)
