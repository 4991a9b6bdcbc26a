"""Users as CSP shows them."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from ostiary.access.callers import CallerView
from ostiary.directory.preferences.language import language_of
from ostiary.directory.roles.member_roles import MemberRoles
from ostiary.directory.users.input import ENTERPRISE
from ostiary.directory.users.users import UserView, find_by_login, find_user, get_user
from ostiary.oauth.platform.accounts import acct_of
from ostiary.services.csp.roles import NO_GROUPS, Groups, org_role, service_infos, typed_role, typed_service_roles
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work
from ostiary_api.csp.v1 import organization_users_pb2 as pb
from ostiary_api.csp.v1 import user_pb2


def listed_user(tenant: TenantView, user: UserView, *, with_profile: bool) -> pb.ListedUser:
    """A user in a list."""
    return pb.ListedUser(
        username=user.user_name, first_name=user.given_name, last_name=user.family_name, domain=tenant.name,
        accessible=user.active, acct=acct_of(user.user_name, tenant.name), email=user.email, user_id=user.id,
        user_profile=user_pb2.LocalePreferences(**preferences(user.locale)) if with_profile else None,
    )  # fmt: skip


def typed_user(
    tenant: TenantView, user: UserView, roles: MemberRoles, *, with_profile: bool = False,
    with_group_ids: bool = False, groups: Groups = NO_GROUPS,
) -> pb.TypedUser:  # fmt: skip
    """A user with its roles, for lists. `groups` are those that are shown with the roles that they give."""
    return pb.TypedUser(
        user=listed_user(tenant, user, with_profile=with_profile),
        org_id=tenant.id,
        organization_roles=[
            typed_role(tenant.id, role, groups, with_ids=with_group_ids) for role in roles.organization
        ],
        service_roles=typed_service_roles(roles, groups, with_ids=with_group_ids),
    )


def shown_user(tenant: TenantView, user: UserView, group_ids: list[str], *, with_profile: bool) -> user_pb2.User:
    """A user by itself, with the ids of its groups."""
    return user_pb2.User(
        id=user.id, username=user.user_name, acct=acct_of(user.user_name, tenant.name), first_name=user.given_name,
        last_name=user.family_name, email=user.email, groups=group_ids, manager_id=_manager_of(user),
        user_profile=_profile(tenant, user) if with_profile else None,
    )  # fmt: skip


def caller_as_user(caller: CallerView, *, with_profile: bool) -> user_pb2.User:
    """The caller; an API key or a client has only a name."""
    if caller.user is not None:
        groups = [group.id for group in caller.groups]
        return shown_user(caller.tenant, caller.user, groups, with_profile=with_profile)
    profile = user_pb2.LeanUserProfile(default_org_id=caller.tenant.id) if with_profile else None
    acct = acct_of(caller.name, caller.tenant.name)
    return user_pb2.User(id=caller.id, username=caller.name, acct=acct, user_profile=profile)


def user_info(work: Work, user: user_pb2.User, tenant: TenantView, roles: MemberRoles) -> user_pb2.UserInfo:
    """A user with its roles and services in its organization."""
    org = user_pb2.UserOrgInfo(
        display_name=tenant.display_name, name=tenant.name,
        org_roles=[org_role(tenant.id, role, with_groups=True) for role in roles.organization],
        services_def=service_infos(work, roles),
    )  # fmt: skip
    return user_pb2.UserInfo(user=user, user_org_info=[org])


def preferences(locale: str) -> dict[str, Any]:
    """The fields of a locale preference."""
    return {"locale": locale, "language": language_of(locale)}


def user_named(work: Work, tenant: TenantView, named: str) -> UserView:
    """The user of an organization with this id or account; raises USER_NOT_FOUND."""
    return find_user(work, tenant.id, named) or user_with_acct(work, tenant, named)


def user_with_acct(work: Work, tenant: TenantView, acct: str) -> UserView:
    """The user of an organization with this account: a user name, a mail address or `username@organization`, as it is
    or URL-encoded. Raises USER_NOT_FOUND."""
    for name in (acct, unquote(acct)):
        local, at, domain = name.rpartition("@")
        of_org = (local,) if at and domain.casefold() == tenant.name.casefold() else ()
        for login in (name, *of_org):
            user_id = find_by_login(work, tenant.id, login)
            if user_id is not None:
                return get_user(work, tenant.id, user_id)
    return get_user(work, tenant.id, "")


def idp_details(user: UserView) -> user_pb2.IdpUserDetails:
    """What the directory knows of a user besides: the primary or first address, and the phone number at work."""
    addresses = user.further.get("addresses") or [{}]
    address = next((one for one in addresses if one.get("primary")), addresses[0])
    named = {
        "address": address.get("streetAddress"), "city": address.get("locality"), "state": address.get("region"),
        "zip_code": address.get("postalCode"), "country": address.get("country"),
        "company": (user.further.get(ENTERPRISE) or {}).get("organization"),
        "work_phone": next((phone.value for phone in user.phones if phone.type.lower() == "work"), None),
    }  # fmt: skip
    return user_pb2.IdpUserDetails(**{name: str(value) for name, value in named.items() if value})


def _profile(tenant: TenantView, user: UserView) -> user_pb2.LeanUserProfile:
    return user_pb2.LeanUserProfile(default_org_id=tenant.id, **preferences(user.locale))


def _manager_of(user: UserView) -> str | None:
    manager = (user.further.get(ENTERPRISE) or {}).get("manager")
    value = manager.get("value") if isinstance(manager, dict) else manager
    return str(value) if value else None
