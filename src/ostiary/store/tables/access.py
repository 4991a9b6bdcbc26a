"""Access rights: API keys, SCIM tokens, roles of organizations and of services, and who holds them."""

from __future__ import annotations

from sqlalchemy import Column, Index
from sqlmodel import Field, SQLModel

from ostiary.store.tables.columns import SORTED, moment, only_where, owned_by, sorted_text, text

USER, GROUP = "User", "Group"
"""Kinds of holders of a role; members of a group have the same words (RFC 7643 §4.2)."""


class ApiKey(SQLModel, table=True):
    """A key for the management side. Only its digest is kept; keys of the system organization are operators'."""

    __tablename__ = "api_keys"
    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = owned_by("tenants.id", index=True)
    name: str
    digest: str = Field(unique=True, max_length=64)
    role: str = Field(description="reader, writer, manager or platform_operator.")
    created_at: int = moment()
    revoked_at: int | None = moment(optional=True)


class ScimToken(SQLModel, table=True):
    """A token with which a provisioning client opens SCIM. Only digests are kept: of the value, and of the one before
    it until that ends. Who made it is named and not referred to, since the token outlasts its maker."""

    __tablename__ = "scim_tokens"
    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = owned_by("tenants.id", index=True)
    name: str
    digest: str = Field(unique=True, max_length=64)
    previous_digest: str = Field(default="", max_length=64)
    previous_until: int | None = moment(optional=True)
    read_only: bool
    maker_kind: str = Field(max_length=16, description="As audit records name it.")
    maker_id: str = Field(max_length=36)
    created_at: int = moment()
    expires_at: int | None = moment(optional=True)
    last_used_at: int | None = moment(optional=True)


class OrganizationRole(SQLModel, table=True):
    """A role that an organization defines itself, beside the built-in ones: a named set of permissions.

    A role of a service definition belongs to System; other services give it a meaning. A name is unique among the roles
    of its organization, or of its service definition.
    """

    __tablename__ = "organization_roles"
    __table_args__ = (
        Index(
            "uq_organization_roles_name", "tenant_id", "name_key", unique=True,
            **only_where("service_definition_id IS NULL"),
        ),
        Index(
            "uq_organization_roles_service", "service_definition_id", "name_key", unique=True,
            **only_where("service_definition_id IS NOT NULL"),
        ),
    )  # fmt: skip
    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = owned_by("tenants.id", index=True)
    service_definition_id: str | None = Field(default=None, max_length=36)
    name: str = sorted_text()
    name_key: str
    display_name: str
    description: str = text()
    permissions: str = text()
    created_at: int = moment()
    modified_at: int = moment()


class RoleBinding(SQLModel, table=True):
    """A role that a directory user or a group holds in its tenant. An expired one gives nothing from its moment on."""

    __tablename__ = "role_bindings"
    __table_args__ = (Index("ix_role_bindings_groups", "holder_id", **only_where("holder_type = 'Group'")),)
    tenant_id: str = owned_by("tenants.id", key=True)
    holder_id: str = Field(primary_key=True, max_length=36)
    holder_type: str = Field(primary_key=True, max_length=5, description="User or Group.")
    role: str = Field(primary_key=True, max_length=36, description="The name of a built-in role, or a role's id.")
    expires_at: int | None = moment(optional=True)
    created_at: int = moment()


class ServiceDefinition(SQLModel, table=True):
    """A service that an operator has made known; every organization may use it. Its roles are rows of
    `organization_roles`, and are given by `role_bindings`."""

    __tablename__ = "service_definitions"
    id: str = Field(primary_key=True, max_length=36)
    name: str = sorted_text()
    name_key: str = Field(sa_column=Column(SORTED, nullable=False, unique=True))
    display_name: str = text()
    description: str = text()
    visible: bool = Field(default=True, description="Whether a console shows it.")
    gated: bool = Field(default=False, description="Whether access must be asked for.")
    beta: bool = False
    urls: str = text(default="{}")
    """A JSON object of addresses by their names in `ServiceUrls`."""
    created_at: int = moment()
    modified_at: int = moment()
