"""Preferences of users and of programs, and what they may be."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, String
from sqlmodel import Field, SQLModel

from ostiary.store.tables.columns import SORTED, moment, owned_by, text


class PreferenceDefinition(SQLModel, table=True):
    """A preference that an operator has defined, for every tenant; the built-in ones have no row."""

    __tablename__ = "preference_definitions"
    classifier: str = Field(sa_column=Column(SORTED, primary_key=True))
    """`scope:name`."""
    name: str = Field(description="The name to show.")
    data_type: str = Field(max_length=16, description="BOOLEAN, INTEGER or STRING.")
    constrained: bool = Field(default=False, description="Whether only the allowed values are taken.")
    allowed_values: str = text(default="[]")
    """A JSON array of strings."""
    min_value: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    max_value: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    default_value: str = text()
    created_at: int = moment()


class Preference(SQLModel, table=True):
    """A preference that somebody has set. The language of a user is not here: it is the user's `locale`."""

    __tablename__ = "preferences"
    tenant_id: str = owned_by("tenants.id", key=True)
    owner_id: str = Field(sa_column=Column(SORTED, nullable=False, primary_key=True))
    owner_kind: str = Field(sa_column=Column(String(16), nullable=False, primary_key=True))
    """User, Client, ApiKey or ServiceAccount."""
    classifier: str = Field(sa_column=Column(SORTED, nullable=False, primary_key=True))
    value: str = text()
    modified_at: int = moment()
