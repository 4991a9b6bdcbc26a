"""Implications of roles: the only module where a role is more than its name.

Platform operators own every tenant. A Manager key acts as the owner of its organization, Writer and Reader keys as
members; a user who owns an organization does not open the management API.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ostiary_api.options.v1 import rules_pb2 as rules

if TYPE_CHECKING:
    from ostiary_api.options.v1.rules_pb2 import Role

BY_NAME = {
    "reader": rules.ROLE_READER,
    "writer": rules.ROLE_WRITER,
    "manager": rules.ROLE_MANAGER,
    "platform_operator": rules.ROLE_PLATFORM_OPERATOR,
    "org_owner": rules.ROLE_ORG_OWNER,
    "org_member": rules.ROLE_ORG_MEMBER,
}
"""The roles of API keys and of members, as they are stored."""
_IMPLIES: dict[Role.ValueType, tuple[Role.ValueType, ...]] = {
    rules.ROLE_MANAGER: (rules.ROLE_WRITER, rules.ROLE_ORG_OWNER),
    rules.ROLE_WRITER: (rules.ROLE_READER,),
    rules.ROLE_READER: (rules.ROLE_ORG_MEMBER,),
    rules.ROLE_ORG_OWNER: (rules.ROLE_ORG_MEMBER,),
    rules.ROLE_ORG_MEMBER: (rules.ROLE_SELF,),
    rules.ROLE_SERVICE_ACCOUNT: (rules.ROLE_SELF,),
    rules.ROLE_PLATFORM_OPERATOR: (rules.ROLE_MANAGER, rules.ROLE_ORG_OWNER),
}


def implied(roles: frozenset[Role.ValueType]) -> frozenset[Role.ValueType]:
    """`roles` and everything that they include."""
    known = set(roles)
    waiting = list(roles)
    while waiting:
        more = [role for role in _IMPLIES.get(waiting.pop(), ()) if role not in known]
        known.update(more)
        waiting.extend(more)
    return frozenset(known)


def effective(own: frozenset[Role.ValueType], *, at_home: bool) -> frozenset[Role.ValueType]:
    """Returns the roles of a principal on a tenant: at its own tenant all that its roles imply; elsewhere only
    operators have any."""
    if at_home or rules.ROLE_PLATFORM_OPERATOR in own:
        return implied(own)
    return frozenset()
