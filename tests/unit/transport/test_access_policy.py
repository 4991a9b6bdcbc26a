"""Who may do what on which tenant: the whole table."""

from __future__ import annotations

import pytest

from ostiary.access.policy import Requirement, decide, permissions_on
from ostiary.access.principals import ANONYMOUS, Principal, PrincipalKind
from ostiary.directory.roles.built_in import BUILT_IN
from ostiary.directory.roles.permissions import END_USER, SIGNED_IN, Permission
from ostiary.errors import DomainError
from ostiary.transport.rules import required_permissions
from ostiary_api.options.v1 import rules_pb2 as rules

HOME, OTHER = "home", "other"
HELD = {
    rules.ROLE_SELF: SIGNED_IN,
    rules.ROLE_END_USER: END_USER,
    **{rules.Role.Value(f"ROLE_{name.upper()}"): role.permissions for name, role in BUILT_IN.items()},
}


def holder(*roles: int, kind: PrincipalKind = PrincipalKind.API_KEY, scopes: frozenset[str] = frozenset()) -> Principal:
    held = frozenset[Permission]().union(*(HELD[role] for role in roles))
    return Principal(kind, id="someone", tenant_id=HOME, permissions=held, scopes=scopes)


def need(*roles: int, scopes: frozenset[str] = frozenset(), hides: bool = False) -> Requirement:
    return Requirement(required_permissions(roles), anonymous=not roles, scopes=scopes, hides_with_denial=hides)


def reason(requirement: Requirement, principal: Principal, tenant: str, *, exists: bool = True) -> str:
    try:
        decide(requirement, principal, tenant, tenant_exists=exists)
    except DomainError as refused:
        return refused.reason
    return "allowed"


@pytest.mark.parametrize(
    ("held", "wanted", "tenant", "expected"),
    [
        (rules.ROLE_READER, rules.ROLE_READER, HOME, "allowed"),
        (rules.ROLE_READER, rules.ROLE_WRITER, HOME, "FORBIDDEN"),
        (rules.ROLE_READER, rules.ROLE_ORG_MEMBER, HOME, "allowed"),
        (rules.ROLE_READER, rules.ROLE_ORG_OWNER, HOME, "FORBIDDEN"),
        (rules.ROLE_WRITER, rules.ROLE_READER, HOME, "allowed"),
        (rules.ROLE_WRITER, rules.ROLE_MANAGER, HOME, "FORBIDDEN"),
        (rules.ROLE_WRITER, rules.ROLE_ORG_OWNER, HOME, "FORBIDDEN"),
        (rules.ROLE_MANAGER, rules.ROLE_WRITER, HOME, "allowed"),
        (rules.ROLE_MANAGER, rules.ROLE_ORG_OWNER, HOME, "allowed"),
        (rules.ROLE_MANAGER, rules.ROLE_READER, OTHER, "TENANT_NOT_FOUND"),
        (rules.ROLE_MANAGER, rules.ROLE_PLATFORM_OPERATOR, HOME, "FORBIDDEN"),
        (rules.ROLE_ORG_OWNER, rules.ROLE_READER, HOME, "FORBIDDEN"),
        (rules.ROLE_ORG_OWNER, rules.ROLE_ORG_MEMBER, HOME, "allowed"),
        (rules.ROLE_ORG_OWNER, rules.ROLE_ORG_MEMBER, OTHER, "TENANT_NOT_FOUND"),
        (rules.ROLE_ORG_MEMBER, rules.ROLE_ORG_OWNER, HOME, "FORBIDDEN"),
        (rules.ROLE_SERVICE_ACCOUNT, rules.ROLE_ORG_MEMBER, HOME, "FORBIDDEN"),
        (rules.ROLE_SERVICE_ACCOUNT, rules.ROLE_SERVICE_ACCOUNT, HOME, "allowed"),
        (rules.ROLE_SELF, rules.ROLE_SELF, HOME, "allowed"),
        (rules.ROLE_SELF, rules.ROLE_ORG_MEMBER, HOME, "FORBIDDEN"),
        (rules.ROLE_PLATFORM_OPERATOR, rules.ROLE_MANAGER, OTHER, "allowed"),
        (rules.ROLE_PLATFORM_OPERATOR, rules.ROLE_ORG_OWNER, OTHER, "allowed"),
        (rules.ROLE_END_USER, rules.ROLE_READER, HOME, "FORBIDDEN"),
        (rules.ROLE_END_USER, rules.ROLE_END_USER, OTHER, "TENANT_NOT_FOUND"),
    ],
)
def test_a_role_opens_what_it_implies_and_nothing_else(held: int, wanted: int, tenant: str, expected: str) -> None:
    assert reason(need(wanted), holder(held), tenant) == expected


def test_nobody_is_asked_to_sign_in_first() -> None:
    assert reason(need(rules.ROLE_READER), ANONYMOUS, HOME) == "UNAUTHENTICATED"
    assert reason(need(rules.ROLE_READER), ANONYMOUS, HOME, exists=False) == "UNAUTHENTICATED"


@pytest.mark.parametrize("hides", [True, False])
def test_foreign_and_unknown_raise_the_same_error(hides: bool) -> None:
    requirement = need(rules.ROLE_READER, hides=hides)
    foreign = reason(requirement, holder(rules.ROLE_MANAGER), OTHER)
    unknown = reason(requirement, holder(rules.ROLE_MANAGER), OTHER, exists=False)
    operator = reason(requirement, holder(rules.ROLE_PLATFORM_OPERATOR), OTHER, exists=False)
    assert foreign == unknown == operator == ("FORBIDDEN" if hides else "TENANT_NOT_FOUND")


def test_an_end_user_needs_every_scope_that_is_named() -> None:
    requirement = need(rules.ROLE_END_USER, scopes=frozenset({"openid", "read"}))
    assert reason(requirement, holder(rules.ROLE_END_USER, scopes=frozenset({"openid"})), HOME) == "INSUFFICIENT_SCOPE"
    assert reason(requirement, holder(rules.ROLE_END_USER, scopes=frozenset({"openid", "read"})), HOME) == "allowed"


def test_an_anonymous_operation_still_needs_its_tenant() -> None:
    assert reason(need(), ANONYMOUS, HOME, exists=False) == "TENANT_NOT_FOUND"
    assert reason(need(), ANONYMOUS, "", exists=False) == "allowed"


def test_a_role_of_one_tenant_is_nothing_on_another() -> None:
    everything = holder(rules.ROLE_MANAGER, rules.ROLE_ORG_OWNER, rules.ROLE_SERVICE_ACCOUNT)
    assert permissions_on(everything, OTHER) == frozenset()
    assert Permission.PLATFORM_OPERATE not in everything.permissions
