"""Users as CSP shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ostiary.access.callers import CallerView
from ostiary.directory.roles.bindings import HeldRole
from ostiary.directory.users.users import UserView
from ostiary.oauth.platform.accounts import acct_of
from ostiary.store.tenancy import TenantView
from ostiary_api.csp.v1 import organization_users_pb2 as pb
from ostiary_api.csp.v1 import user_pb2


def typed_user(tenant: TenantView, user: UserView, roles: Sequence[HeldRole], *, with_profile: bool) -> pb.TypedUser:
    """Returns a user with its roles, for lists."""
    return pb.TypedUser(
        user=pb.ListedUser(
            username=user.user_name, first_name=user.given_name, last_name=user.family_name, domain=tenant.name,
            accessible=user.active, acct=acct_of(user.user_name, tenant.name), email=user.email, user_id=user.id,
            user_profile=user_pb2.LocalePreferences(**_preferences(user)) if with_profile else None,
        ),
        org_id=tenant.id,
        organization_roles=[
            pb.TypedRole(
                id=role.id, name=role.name, display_name=role.display_name, org_id=tenant.id,
                membership_type=role.membership_type,
            )
            for role in roles
        ],
    )  # fmt: skip


def caller_as_user(caller: CallerView, *, with_profile: bool) -> user_pb2.User:
    """The caller; an API key or a client has only a name."""
    tenant, user = caller.tenant, caller.user
    answer = user_pb2.User(id=caller.id, username=caller.name, acct=acct_of(caller.name, tenant.name))
    if user is not None:
        answer.first_name, answer.last_name, answer.email = user.given_name, user.family_name, user.email
        answer.groups.extend(group.id for group in caller.groups)
    if with_profile:
        preferences = _preferences(user) if user is not None else {}
        answer.user_profile.CopyFrom(user_pb2.LeanUserProfile(default_org_id=tenant.id, **preferences))
    return answer


def _preferences(user: UserView) -> dict[str, Any]:
    language = user.locale.replace("_", "-").partition("-")[0]
    return {"locale": user.locale, "language": language}
