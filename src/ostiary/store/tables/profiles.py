"""Profiles: identities seen at sign-in. A profile's id is the `sub` of tokens."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index
from sqlmodel import Field, SQLModel

from ostiary.store.tables.columns import SORTED, moment, of_profile, owned_by, profile_id_column, text


class Profile(SQLModel, table=True):
    """A profile of a user who signed in or is expected to. The directory id and the profile id of a user differ.

    The id is unique in its tenant. It may come from another server, so that `sub` stays what applications know.
    """

    __tablename__ = "profiles"
    __table_args__ = (Index("ix_profiles_list", "tenant_id", "anonymous", "created_at", "id"),)
    tenant_id: str = owned_by("tenants.id", key=True)
    id: str = profile_id_column(key=True)
    anonymous: bool = False
    name: str = text()
    email: str = text()
    picture: str = text()
    gender: str = text()
    locale: str = text()
    preferred_username: str = text()
    attributes: str = text(default="{}")
    """Custom attributes: a JSON object, 100 KB at most."""
    tokens_valid_from: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    """Access tokens issued before the second of this moment (UTC milliseconds) are dead."""
    access_epoch: int = Field(default=0, description="Grows when all that was granted to the profile ends.")
    created_at: int = moment()
    modified_at: int = moment()
    expires_at: int | None = moment(index=True, optional=True)
    """The time when no token for an anonymous profile can be valid any more, so that it is deleted."""


class Identity(SQLModel, table=True):
    """An identity at a provider that belongs to a profile. `provider` is cloud_directory, facebook, google, saml, …"""

    __tablename__ = "identities"
    __table_args__ = (
        of_profile(),
        Index("ix_identities_profile", "profile_id", "tenant_id"),
        Index("ix_identities_email", "tenant_id", "email_key"),
    )
    tenant_id: str = owned_by("tenants.id", key=True)
    provider: str = Field(primary_key=True, max_length=32)
    idp_id: str = Field(sa_column=Column(SORTED, primary_key=True))
    profile_id: str = profile_id_column()
    email_key: str = Field(default="", sa_column=Column(SORTED, nullable=False))
    user_info: str = text(default="{}")
    """The provider's own data: a JSON object."""
    expected: bool = False
    """Whether no one has signed in with the identity yet: `idp_id` is the provider's id, or the compared form of a mail
    address."""


class ProfileRole(SQLModel, table=True):
    """A role assigned to a profile."""

    __tablename__ = "profile_roles"
    __table_args__ = (of_profile(),)
    profile_id: str = profile_id_column(key=True)
    tenant_id: str = owned_by("tenants.id", key=True)
    role_id: str = owned_by("roles.id", key=True, index=True)
