"""Built-in roles: the roles of organizations and of API keys that every installation has, each with its permissions.

Platform operators own every tenant. A Manager key acts as the owner of its organization, Writer and Reader keys as
members; a user who owns an organization does not open the management API.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from ostiary.directory.roles.permissions import Permission, Permissions

ORG_OWNER, ORG_MEMBER, PLATFORM_OPERATOR = "org_owner", "org_member", "platform_operator"
SERVICE_ACCOUNT = "service_account"
READER, WRITER, MANAGER = "reader", "writer", "manager"

_MEMBER = frozenset({Permission.ORGANIZATION_READ, Permission.ACCOUNT_OWN})
_OWNER = _MEMBER | {Permission.ORGANIZATION_OWN}
_READER = _MEMBER | {Permission.TENANT_READ}
_WRITER = _READER | {Permission.TENANT_CHANGE}
_MANAGER = _WRITER | _OWNER | {Permission.TENANT_MANAGE}


@dataclass(frozen=True, slots=True)
class BuiltInRole:
    """A role that no tenant can change."""

    name: str
    display_name: str
    permissions: Permissions


BUILT_IN: Mapping[str, BuiltInRole] = {
    role.name: role
    for role in (
        BuiltInRole(ORG_OWNER, "Organization Owner", _OWNER),
        BuiltInRole(ORG_MEMBER, "Organization Member", _MEMBER),
        BuiltInRole(PLATFORM_OPERATOR, "Platform Operator", _MANAGER | {Permission.PLATFORM_OPERATE}),
        BuiltInRole(
            SERVICE_ACCOUNT, "Service Account", frozenset({Permission.SERVICE_READ, Permission.ACCOUNT_OWN})
        ),
        BuiltInRole(READER, "Reader", _READER),
        BuiltInRole(WRITER, "Writer", _WRITER),
        BuiltInRole(MANAGER, "Manager", _MANAGER),
    )
}  # fmt: skip
"""The built-in roles by name, under which they are stored."""
FOR_HOLDERS = (ORG_OWNER, ORG_MEMBER, PLATFORM_OPERATOR)
"""The built-in roles that users and groups can hold; the others belong to API keys and clients."""


@lru_cache(maxsize=4_096)
def role_id(tenant_id: str, role: str) -> str:
    """The GUID of a built-in role in an organization: always the same, and another one in every organization. It takes
    longer to calculate than a row to read, and lists show many."""
    return str(uuid.uuid5(uuid.UUID(tenant_id), role))
