"""Permissions: what a caller may do. A role is a named set of them, and the rules of each RPC require one.

The set is closed: a new one begins here, and `transport/rules.py` says which role of the protos requires it.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum

from ostiary.errors import DomainError, denied, not_found


class Permission(StrEnum):
    """A permission on one tenant. The value is what is stored of a role."""

    TENANT_READ = "tenant.read"
    """Read the configuration and the people of a tenant (App ID: Reader)."""
    TENANT_CHANGE = "tenant.change"
    """Change them, and see the tenant's secrets (App ID: Writer)."""
    TENANT_MANAGE = "tenant.manage"
    """Export, import and issue tokens to clients (App ID: Manager)."""
    ORGANIZATION_OWN = "organization.own"
    """Change an organization and its people, and see the organizations below it."""
    ORGANIZATION_READ = "organization.read"
    """Read an organization and its people."""
    SERVICE_READ = "service.read"
    """Read an organization and its people as a client that an operator has allow-listed."""
    PLATFORM_OPERATE = "platform.operate"
    """Do on every tenant what is permitted at home; users and API keys of System alone have it."""
    ACCOUNT_OWN = "account.own"
    """Use one's own account: everybody who signed in at the platform."""
    CLAIMS_READ = "claims.read"
    """Read the claims of the person for whom an application got an access token at the platform, and nothing else."""
    PROVISIONING_READ = "provisioning.read"
    """Read the users and groups of an organization in SCIM, and nothing else."""
    PROVISIONING_CHANGE = "provisioning.change"
    """Change in SCIM those of them who hold no more than a member, and nothing else."""
    PROFILE_OWN = "profile.own"
    """Use one's own profile with an App ID access token, within the token's scopes."""


Permissions = frozenset[Permission]
Rights = Mapping[Permission, int]
"""Permissions, each with the moment from which on it is no longer held, in UTC milliseconds."""
NEVER = sys.maxsize
"""The end of what has none."""
NOT_GIVEN = 0
"""The end, for who gives rights, of what it may do itself and gives to nobody."""
NONE: Permissions = frozenset()
ALL: Permissions = frozenset(Permission)
SIGNED_IN: Permissions = frozenset({Permission.ACCOUNT_OWN})
"""The permissions of a directory user without any role."""
RELYING_PARTY: Permissions = frozenset({Permission.CLAIMS_READ})
END_USER: Permissions = frozenset({Permission.PROFILE_OWN})
PROVISIONING_READER: Permissions = frozenset({Permission.PROVISIONING_READ})
PROVISIONER: Permissions = PROVISIONING_READER | {Permission.PROVISIONING_CHANGE}
_BY_VALUE = {permission.value: permission for permission in Permission}


def read_permissions(stored: str) -> Permissions:
    """The permissions of a stored role, from their values with a blank between them. A value that this version does not
    know permits nothing."""
    return frozenset(_BY_VALUE[value] for value in stored.split() if value in _BY_VALUE)


def write_permissions(permissions: Iterable[Permission]) -> str:
    """The stored form of permissions: sorted, with a blank between them."""
    return " ".join(sorted(set(permissions)))


def for_good(permissions: Iterable[Permission]) -> Rights:
    """Permissions that do not end."""
    return dict.fromkeys(permissions, NEVER)


def role_too_small() -> DomainError:
    """Returns the error for a caller whose permissions do not suffice, whatever the reason."""
    return denied("FORBIDDEN", "The caller's role does not allow this operation.")


def no_such_role() -> DomainError:
    """Returns the error for a role that does not exist, or belongs to another organization."""
    return not_found("ROLE_NOT_FOUND", "This organization has no such role.")


def refuse_beyond(held: Collection[Permission], wanted: Iterable[Permission]) -> None:
    """Raises FORBIDDEN when a caller who holds `held` would take or touch more than that."""
    if not all(permission in held for permission in wanted):
        raise role_too_small()


def refuse_longer(held: Rights, wanted: Rights) -> None:
    """Raises FORBIDDEN when a caller who holds `held` would give more than that, NOT_GIVEN_BY_SERVICE_ACCOUNTS (403)
    when people alone give that, and BEYOND_OWN_END (403) when it would give something for longer than it holds it."""
    refuse_beyond(held, wanted)
    if any(held[permission] == NOT_GIVEN for permission in wanted):
        message = "A service account gives nobody more than a member may do: sign in as a user for that."
        raise denied("NOT_GIVEN_BY_SERVICE_ACCOUNTS", message)
    if any(held[permission] < until for permission, until in wanted.items()):
        raise denied("BEYOND_OWN_END", "The caller's own role ends earlier: expiresAt must not be later than its end.")
