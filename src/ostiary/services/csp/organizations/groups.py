"""Groups as CSP shows them."""

from __future__ import annotations

from collections.abc import Sequence

from ostiary.directory.groups.groups import GroupView
from ostiary.directory.groups.members import user_counts
from ostiary.directory.roles.member_roles import MemberRole, MemberRoles, group_roles
from ostiary.services.csp.roles import NO_GROUPS, by_service, group_type, seconds, typed_role
from ostiary.store.work import Work
from ostiary_api.csp.v1 import group_pb2 as pb
from ostiary_api.csp.v1 import organization_users_pb2, role_pb2

MOST = 20
"""Groups that a search returns."""


def expanded_groups(
    work: Work, tenant_id: str, groups: Sequence[GroupView], now_ms: int, *, with_roles: bool = True
) -> list[pb.ExpandedGroup]:  # fmt: skip
    """Groups with the number of their users and, for those who may see them, the roles that they give."""
    ids = [group.id for group in groups]
    counts = user_counts(work, tenant_id, ids)
    roles = group_roles(work, tenant_id, ids if with_roles else [], now_ms)
    return [
        pb.ExpandedGroup(
            id=group.id, display_name=group.display_name, domain=group.domain or None, users_count=counts[group.id],
            group_type=group_type(group.domain),
            organization_roles=org_roles(tenant_id, roles.get(group.id, MemberRoles())),
            service_roles=service_roles(roles.get(group.id, MemberRoles())),
        )
        for group in groups
    ]  # fmt: skip


def org_roles(org_id: str, roles: MemberRoles) -> list[organization_users_pb2.TypedRole]:
    """The organization roles that a group gives to its members."""
    return [typed_role(org_id, role, NO_GROUPS, with_ids=False) for role in roles.organization]


def service_roles(roles: MemberRoles) -> list[pb.OrgServiceRoles]:
    """The service roles that a group gives to its members."""
    return [
        pb.OrgServiceRoles(
            service_definition_id=service, service_role_names=[role.name for role in held],
            service_roles=list(map(_binding, held)),
        )
        for service, held in by_service(roles).items()
    ]  # fmt: skip


def _binding(role: MemberRole) -> role_pb2.ServiceRoleBinding:
    return role_pb2.ServiceRoleBinding(
        id=role.id, name=role.name, membership_type=role.membership_type, expires_at=seconds(role)
    )
