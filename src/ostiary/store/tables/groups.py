"""Groups of directory users; nested."""

from __future__ import annotations

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from ostiary.store.tables.columns import moment, only_where, owned_by, sorted_text, text


class Group(SQLModel, table=True):
    """A group (RFC 7643 §4.2); `urn:vcloud:group:…`."""

    __tablename__ = "groups"
    __table_args__ = (Index("ix_groups_name", "tenant_id", "display_name_key", "id"),)
    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = owned_by("tenants.id")
    display_name: str
    display_name_key: str = sorted_text()
    description: str = text()
    domain: str = text()
    provider_type: str = Field(default="LOCAL", max_length=16, description="LOCAL, SAML or OAUTH.")
    version: int = 1
    created_at: int = moment()
    modified_at: int = moment()


class GroupMember(SQLModel, table=True):
    """A member of a group: a user or another group."""

    __tablename__ = "group_members"
    __table_args__ = (
        Index("ix_group_members_member", "tenant_id", "member_id"),
        Index("ix_group_members_containing", "member_id", "group_id", **only_where("member_type = 'Group'")),
        Index("ix_group_members_nested", "group_id", "member_id", **only_where("member_type = 'Group'")),
    )
    tenant_id: str = owned_by("tenants.id")
    group_id: str = owned_by("groups.id", key=True)
    member_id: str = Field(primary_key=True, max_length=36)
    member_type: str = Field(description="User or Group.")
