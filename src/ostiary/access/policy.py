"""Authorization decision: whether a principal may act on a tenant. No other module decides it."""

from __future__ import annotations

from dataclasses import dataclass

from ostiary.access.principals import Principal, PrincipalKind
from ostiary.directory.roles.built_in import BUILT_IN, ORG_MEMBER
from ostiary.directory.roles.permissions import NONE, Permission, Permissions, role_too_small
from ostiary.errors import DomainError, denied, not_found, unauthenticated
from ostiary.store.tenancy import SYSTEM_ID


@dataclass(frozen=True, slots=True)
class Requirement:
    """The requirements of an RPC on its caller, read from the rules next to it. Any of `permissions` suffices."""

    permissions: Permissions
    anonymous: bool
    scopes: frozenset[str]
    hides_with_denial: bool


def decide(need: Requirement, principal: Principal, tenant_id: str, *, tenant_exists: bool) -> None:
    """Returns if the principal may act; raises the error that it is to see otherwise.

    An unknown tenant and one of another owner raise the same error (404, or 403 where the dialect hides that way).
    """
    if need.anonymous:
        if tenant_id and not tenant_exists:
            raise unknown_tenant(hides_with_denial=need.hides_with_denial)
        return
    refuse_nobody(principal)
    held = permissions_on(principal, tenant_id)
    if not tenant_exists or not held:
        raise unknown_tenant(hides_with_denial=need.hides_with_denial)
    if not need.permissions & held:
        raise role_too_small()
    missing = need.scopes - principal.scopes
    if missing and Permission.PROFILE_OWN in held:
        raise denied("INSUFFICIENT_SCOPE", "The access token lacks a scope that this operation needs.")


def permissions_on(principal: Principal, tenant_id: str) -> Permissions:
    """The permissions of a principal on a tenant: at its own all that it has; elsewhere only operators have any."""
    if principal.tenant_id == tenant_id or Permission.PLATFORM_OPERATE in principal.permissions:
        return principal.permissions
    return NONE


def operates(principal: Principal) -> bool:
    """Whether a principal operates the platform, which it does at System alone."""
    return principal.tenant_id == SYSTEM_ID and Permission.PLATFORM_OPERATE in principal.permissions


def givable_on(principal: Principal, tenant_id: str) -> Permissions:
    """The permissions that a principal may give to others on a tenant, and whose holders it may change: its own; for a
    provisioner, who opens SCIM and nothing else, those of a member."""
    held = permissions_on(principal, tenant_id)
    return held | BUILT_IN[ORG_MEMBER].permissions if Permission.PROVISIONING_CHANGE in held else held


def refuse_nobody(principal: Principal) -> None:
    """Raises UNAUTHENTICATED (401) for a caller without credentials."""
    if principal.kind is PrincipalKind.ANONYMOUS:
        raise unauthenticated("UNAUTHENTICATED", "This operation needs a valid bearer token.")


def dead_token() -> DomainError:
    """Returns the error for a token that is no good, whatever was wrong with it."""
    return unauthenticated("INVALID_TOKEN", "The token is not valid, has expired or was revoked.")


def reveals_secrets(principal: Principal, tenant_id: str) -> bool:
    """Whether answers to this principal carry the tenant's secrets: to Writer and Manager, not to Reader."""
    return Permission.TENANT_CHANGE in permissions_on(principal, tenant_id)


def unknown_tenant(*, hides_with_denial: bool = False) -> DomainError:
    """Returns the error for an unknown tenant, which is the same for a tenant that the caller may not see."""
    if hides_with_denial:
        return denied("FORBIDDEN", "The caller may not see this organization, or it does not exist.")
    return not_found("TENANT_NOT_FOUND", "Not Found")
