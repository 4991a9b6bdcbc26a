"""Roles of users as CSP shows them, and the changes that clients ask for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ostiary.directory.groups.groups import find_groups
from ostiary.directory.groups.members import user_counts
from ostiary.directory.roles.bindings import HeldRole
from ostiary.directory.roles.member_roles import MemberRole, MemberRoles
from ostiary.directory.roles.role_changes import RoleChange, RoleChoice
from ostiary.directory.service_definitions.changes import ServiceRoleChange
from ostiary.directory.service_definitions.definitions import services_of
from ostiary.services.csp.links import definition_in, definition_path, org_path, role_path
from ostiary.store.work import Work
from ostiary_api.csp.v1 import organization_users_pb2 as lists
from ostiary_api.csp.v1 import role_pb2 as pb
from ostiary_api.csp.v1 import user_pb2

Groups = Mapping[str, lists.RoleGroup]
NO_GROUPS: Groups = {}


def org_role(org_id: str, role: MemberRole, *, with_groups: bool = False) -> pb.OrgRole:
    """An organization role of a user."""
    return pb.OrgRole(
        id=role.id, ref_link=role_path(org_id, role.id), name=role.name, display_name=role.display_name,
        organization_link=org_path(org_id), org_id=org_id, visible=True,
        expires_at=None if role.expires_at is None else role.expires_at // 1_000,
        group_ids=role.group_ids if with_groups else (),
    )  # fmt: skip


def shown_role(org_id: str, role: HeldRole) -> pb.OrgRole:
    """A role of an organization by itself."""
    return pb.OrgRole(
        id=role.id, ref_link=role_path(org_id, role.id), name=role.name, display_name=role.display_name,
        organization_link=org_path(org_id), org_id=org_id, visible=True, resource=f"csp:{role.name}",
    )  # fmt: skip


def service_roles(roles: MemberRoles, definition_link: str = "") -> pb.UserServiceRoles:
    """The service roles of a user, of all services or of the one that a path names."""
    wanted = definition_in(definition_link)
    return pb.UserServiceRoles(
        service_roles=[
            pb.UserServiceRole(
                service_definition_link=definition_path(service), service_role_names=[role.name for role in held],
                service_roles=[
                    pb.ServiceRoleBinding(
                        id=role.id, name=role.name, membership_type=role.membership_type, expires_at=seconds(role)
                    )
                    for role in held
                ],
            )
            for service, held in by_service(roles).items() if wanted in ("", service)
        ]
    )  # fmt: skip


def service_infos(work: Work, roles: MemberRoles) -> list[user_pb2.ServiceInfo]:
    """The services whose roles a user holds."""
    held = by_service(roles)
    return [
        user_pb2.ServiceInfo(
            ref_link=definition_path(service.id), service_display_name=service.display_name, service_name=service.name,
            service_roles=[role.name for role in held[service.id]],
        )
        for service in services_of(work, list(held)).values()
    ]  # fmt: skip


def by_service(roles: MemberRoles) -> dict[str, list[MemberRole]]:
    """The service roles of a user, by the id of the service definition."""
    held: dict[str, list[MemberRole]] = {}
    for role in roles.services:
        held.setdefault(role.service or "", []).append(role)
    return held


def typed_role(org_id: str, role: MemberRole, groups: Groups, *, with_ids: bool) -> lists.TypedRole:
    """An organization role in a list of users; `groups` are those that are shown whole."""
    return lists.TypedRole(
        id=role.id, name=role.name, display_name=role.display_name, org_id=org_id,
        membership_type=role.membership_type, expires_at=seconds(role), **_of_groups(role, groups, with_ids=with_ids),
    )  # fmt: skip


def typed_service_roles(roles: MemberRoles, groups: Groups, *, with_ids: bool) -> list[lists.TypedServiceRoles]:
    """The service roles of a user in a list of users."""
    return [
        lists.TypedServiceRoles(
            service_definition_id=service,
            service_roles=[
                lists.TypedServiceRole(
                    id=role.id, name=role.name, role_name=role.name, role_display_name=role.display_name,
                    membership_type=role.membership_type, expires_at=seconds(role),
                    **_of_groups(role, groups, with_ids=with_ids),
                )
                for role in held
            ],
        )
        for service, held in by_service(roles).items()
    ]  # fmt: skip


def shown_groups(work: Work, tenant_id: str, ids: Iterable[str]) -> dict[str, lists.RoleGroup]:
    """Groups of an organization by their ids, in the order of their names."""
    found = find_groups(work, tenant_id, ids)
    counts = user_counts(work, tenant_id, list(found))
    in_order = sorted(found.values(), key=lambda group: (group.display_name, group.id))
    return {
        group.id: lists.RoleGroup(
            id=group.id, display_name=group.display_name, domain=group.domain or None,
            users_count=counts.get(group.id, 0), group_type=group_type(group.domain),
        )
        for group in in_order
    }  # fmt: skip


def group_type(domain: str) -> str:
    """`USER_GROUP` for a group of the organization itself, `AD_GROUP` for one of a directory elsewhere."""
    return "AD_GROUP" if domain else "USER_GROUP"


def role_change(asked: Any) -> RoleChange:
    """The change that a message asks for: of organization roles, or of those of one service."""
    added = [*map(_choice, asked.roles_to_add), *(RoleChoice(name=name) for name in asked.role_names_to_add)]
    removed = [*map(_choice, asked.roles_to_remove), *(RoleChoice(name=name) for name in asked.role_names_to_remove)]
    return RoleChange(added, removed)


def service_change(asked: Any, definition_link: str) -> ServiceRoleChange:
    """The change of the roles of one service, which a path or an id names."""
    change = role_change(asked)
    return ServiceRoleChange(definition_in(definition_link), change.add, change.remove)


def _choice(asked: pb.RoleBindingChange) -> RoleChoice:
    return RoleChoice(asked.id, asked.name, asked.expires_at * 1_000 if asked.HasField("expires_at") else None)


def _of_groups(role: MemberRole, groups: Groups, *, with_ids: bool) -> dict[str, Sequence[Any]]:
    shown = [groups[group_id] for group_id in role.group_ids if group_id in groups]
    return {"groups": shown, "group_ids": role.group_ids if with_ids else ()}


def seconds(role: MemberRole) -> str | None:
    """When a role ends, as seconds since the epoch; None for never."""
    return None if role.expires_at is None else str(role.expires_at // 1_000)
