"""The decision: may this principal do this to that tenant. Nothing else in the project decides it."""

from __future__ import annotations

from dataclasses import dataclass

from ostiary.access.principals import Principal, PrincipalKind
from ostiary.access.roles import effective
from ostiary.errors import DomainError, denied, not_found, unauthenticated
from ostiary_api.options.v1 import rules_pb2 as rules


@dataclass(frozen=True, slots=True)
class Requirement:
    """What an RPC asks of its caller; read from the rules beside it."""

    roles: frozenset[rules.Role.ValueType]
    anonymous: bool
    scopes: frozenset[str]
    hides_with_denial: bool


def decide(need: Requirement, principal: Principal, tenant_id: str, *, tenant_exists: bool) -> None:
    """Returns when the principal may go on; raises what it shall see otherwise.

    An unknown tenant and somebody else's raise the same error (404, or 403 where the dialect hides that way).
    """
    if need.anonymous:
        if tenant_id and not tenant_exists:
            raise unknown_tenant(hides_with_denial=need.hides_with_denial)
        return
    refuse_nobody(principal)
    held = effective(principal.roles, at_home=principal.tenant_id == tenant_id)
    if not tenant_exists or not held:
        raise unknown_tenant(hides_with_denial=need.hides_with_denial)
    if not need.roles & held:
        raise role_too_small()
    missing = need.scopes - principal.scopes
    if missing and rules.ROLE_END_USER in held:
        raise denied("INSUFFICIENT_SCOPE", "The access token lacks a scope that this operation needs.")


def refuse_nobody(principal: Principal) -> None:
    """Raises UNAUTHENTICATED (401) for a caller without credentials."""
    if principal.kind is PrincipalKind.ANONYMOUS:
        raise unauthenticated("UNAUTHENTICATED", "This operation needs a valid bearer token.")


def reveals_secrets(principal: Principal, tenant_id: str) -> bool:
    """Whether answers to this principal carry the tenant's secrets: to Writer and Manager, not to Reader."""
    return rules.ROLE_WRITER in effective(principal.roles, at_home=principal.tenant_id == tenant_id)


def role_too_small() -> DomainError:
    """What a caller sees whose role does not suffice, whatever for."""
    return denied("FORBIDDEN", "The caller's role does not allow this operation.")


def unknown_tenant(*, hides_with_denial: bool = False) -> DomainError:
    """What a request for an unknown tenant sees, and one for somebody else's."""
    if hides_with_denial:
        return denied("FORBIDDEN", "The caller may not see this organization, or it does not exist.")
    return not_found("TENANT_NOT_FOUND", "Not Found")
