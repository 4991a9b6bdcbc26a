"""Users as cloudapi shows them."""

from __future__ import annotations

from collections.abc import Sequence

from ostiary.directory.groups.membership import groups_of_users
from ostiary.directory.listing.users import LOCAL
from ostiary.directory.passwords.lockout import is_locked
from ostiary.directory.roles.bindings import HeldRole, roles_of_groups, roles_of_users
from ostiary.directory.users.contacts import primary_of
from ostiary.directory.users.input import ENTERPRISE
from ostiary.directory.users.users import UserView
from ostiary.services.cloudapi.references import reference
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work
from ostiary_api.cloudapi.v1 import cloudapi_users_pb2 as pb
from ostiary_api.cloudapi.v1.entity_pb2 import EntityReference


def shown_users(work: Work, tenant: TenantView, users: Sequence[UserView], now_ms: int) -> list[pb.User]:
    """Users with their roles: a few queries, however many users."""
    ids = [user.id for user in users]
    direct = roles_of_users(work, tenant.id, ids, now_ms)
    groups = groups_of_users(work, tenant.id, ids)
    among = sorted({group.id for each in groups.values() for group in each})
    of_groups = roles_of_groups(work, tenant.id, among, now_ms)

    def inherited(user: UserView) -> list[HeldRole]:
        return [role for group in groups[user.id] for role in of_groups[group.id]]

    return [_user(tenant, user, direct[user.id], inherited(user), now_ms) for user in users]


def manager_of(user: UserView) -> dict[str, str]:
    """The manager as the enterprise extension of SCIM has it: value and displayName."""
    manager: dict[str, str] = user.further.get(ENTERPRISE, {}).get("manager") or {}
    return manager


def _user(
    tenant: TenantView, user: UserView, direct: Sequence[HeldRole], inherited: Sequence[HeldRole], now_ms: int
) -> pb.User:  # fmt: skip
    phone, manager = primary_of(user.phones), manager_of(user)
    answer = pb.User(
        id=f"urn:vcloud:user:{user.id}", username=user.user_name, given_name=user.given_name,
        family_name=user.family_name, full_name=full_name_of(user), description=user.further.get("description", ""),
        role_entity_refs=_references(direct), effective_role_entity_refs=_references([*direct, *inherited]),
        org_entity_ref=reference("org", tenant.id, tenant.name), email=user.email, name_in_source=user.user_name,
        enabled=user.active, inherit_group_roles=True, is_group_role=bool(inherited and not direct),
        provider_type=LOCAL, locked=is_locked(user, now_ms), phone=phone.value if phone else "", domain=tenant.name,
    )  # fmt: skip
    if manager.get("value"):
        answer.manager_entity_ref.CopyFrom(reference("user", manager["value"], manager.get("displayName", "")))
    return answer


def full_name_of(user: UserView) -> str:
    """The name to show; empty where it is only the mail address."""
    return user.display_name if user.display_name != user.email else ""


def _references(roles: Sequence[HeldRole]) -> list[EntityReference]:
    named = {role.id: role.name for role in roles}
    return [reference("role", role, name) for role, name in sorted(named.items(), key=lambda item: item[::-1])]
