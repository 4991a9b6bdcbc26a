"""Facts about the installation that belong to no tenant, long work, and the tasks by which callers follow it."""

from __future__ import annotations

from sqlmodel import Field, SQLModel

from ostiary.store.tables.columns import end_of_row, moment, owned_by, text


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


class Task(SQLModel, table=True):
    """A deletion that was answered before all of it was done; `urn:vcloud:task:…`. It belongs to whoever began it, and
    to the organization of that one.

    Its state is not stored: it follows from its jobs. No name of what is deleted is kept.
    """

    __tablename__ = "tasks"
    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = owned_by("tenants.id", index=True)
    starter_id: str = Field(max_length=36)
    starter_kind: str = Field(max_length=16, description="The kind of a principal, such as user or api_key.")
    target_id: str = Field(max_length=36)
    target_kind: str = Field(max_length=16, description="user or org.")
    jobs: str = text(default="[]")
    """A JSON list of the ids of the jobs that it waits for; empty where all was done before the answer."""
    started_at: int = moment()
    due_at: int = moment()
    """The time after which a task whose jobs are not done has failed."""
    expires_at: int = end_of_row()
