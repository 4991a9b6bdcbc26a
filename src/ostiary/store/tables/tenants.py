"""Tenants and their settings."""

from __future__ import annotations

from sqlalchemy import Column, LargeBinary, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from ostiary.store.tables.columns import SORTED, moment, owned_by, sorted_text, text


class Tenant(SQLModel, table=True):
    """A tenant of App ID, an organization of the Identity Service and of the Tenant Manager: one row for all.

    `generation` grows with every change to what workers cache of the tenant (settings, clients, roles, keys, its own
    state); a cache entry of another generation is dead. Ids are never used again: a deleted tenant leaves its row.
    """

    __tablename__ = "tenants"
    id: str = Field(primary_key=True, max_length=36)
    name: str = sorted_text()
    name_key: str = Field(sa_column=Column(SORTED, nullable=False, unique=True))
    """The name by NFKC and casefold; a deleted tenant gives it up."""
    display_name: str = text()
    display_name_key: str = sorted_text(index=True)
    description: str = text()
    properties: str = text(default="{}")
    """Organization metadata: a JSON object of strings."""
    parent_id: str | None = Field(default=None, foreign_key="tenants.id", max_length=36, index=True)
    kind: str = Field(default="tenant", description="tenant, or system: the operators' own organization.")
    is_default: bool = Field(default=False, description="The organization meant by a login that names none.")
    state: str = Field(default="enabled", description="enabled, disabled, deleting, deleted.")
    generation: int = Field(default=1)
    created_at: int = moment()
    modified_at: int = moment()


class SettingDocument(SQLModel, table=True):
    """One configuration document of a tenant: a binary proto, absent until first written."""

    __tablename__ = "settings"
    tenant_id: str = owned_by("tenants.id", key=True)
    name: str = Field(primary_key=True, max_length=64)
    document: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    modified_at: int = moment()


class SettingSecret(SQLModel, table=True):
    """A secret of a configuration document, sealed and stored apart from it: reading the document does not reveal
    it."""

    __tablename__ = "setting_secrets"
    __table_args__ = (UniqueConstraint("tenant_id", "setting", "field"),)
    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = owned_by("tenants.id")
    setting: str = Field(max_length=64)
    field: str = Field(max_length=128, description="Dotted path of the field in the document.")
    sealed_value: str = Field(sa_column=Column(Text, nullable=False))


class Logo(SQLModel, table=True):
    """The logo of a tenant's pages and mails, as we have written it."""

    __tablename__ = "logos"
    tenant_id: str = owned_by("tenants.id", key=True)
    media_type: str = Field(max_length=32)
    digest: str = Field(max_length=32, description="What its address ends with: the beginning of its SHA-256.")
    content: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    modified_at: int = moment()


class MessageTemplate(SQLModel, table=True):
    """A tenant's own text of a message in one language; an empty body is one that was not given."""

    __tablename__ = "message_templates"
    tenant_id: str = owned_by("tenants.id", key=True)
    name: str = Field(primary_key=True, max_length=32, description="USER_VERIFICATION, WELCOME, …")
    language: str = Field(primary_key=True, max_length=35)
    subject: str = text()
    html_body: str = text()
    plain_text_body: str = text()
    modified_at: int = moment()
