"""Sign-in transactions of which a step has been done, kept until the sign-in ends or expires."""

from __future__ import annotations

from sqlmodel import Field, SQLModel

from ostiary.store.tables.columns import end_of_row, owned_by, text


class SignInTransaction(SQLModel, table=True):
    """A sign-in between its first proved factor and its end. Before, the browser has all of it, sealed, and nothing is
    stored; at its end the row goes, and a record of the single use (`used_once`) stays.

    `version` grows with each change. A form belongs to one version: of two forms sent at once only one continues.
    """

    __tablename__ = "sign_in_transactions"
    id: str = Field(primary_key=True, max_length=64)
    tenant_id: str = owned_by("tenants.id", index=True)
    subject: str = Field(max_length=64, description="The profile that the first factor has found.")
    version: int
    sealed_state: str = text()
    """The request, the steps done with time and method, the identity found, and what steps remember: JSON, sealed."""
    expires_at: int = end_of_row()
