"""Directory users as platform tokens describe them, in the claims of VMware Identity Service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ostiary.directory.groups.membership import BelongsTo, groups_of_users
from ostiary.directory.passwords.lockout import is_locked
from ostiary.directory.roles.bindings import HeldRole, all_roles_of_user
from ostiary.directory.users.users import UserView, find_user
from ostiary.oauth.platform.overflow import MOST_PERMS_BYTES, fitting
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work


@dataclass(frozen=True, slots=True)
class Account:
    """A user of an organization with its roles, those that groups give included, and its groups."""

    tenant: TenantView
    user: UserView
    roles: Sequence[HeldRole]
    groups: Sequence[BelongsTo]
    session_id: str = ""
    """The session that its sign-in has opened, if one has."""
    service_roles: Sequence[HeldRole] = ()

    @property
    def id(self) -> str:
        """The directory id of the user, which is the `sub` of its tokens."""
        return self.user.id

    @property
    def user_id(self) -> str:
        """Id of the user: an account has no profile of its own."""
        return self.user.id

    @property
    def access_epoch(self) -> int:
        """Grows whenever all access of the user ends."""
        return self.user.access_epoch

    @property
    def acct(self) -> str:
        """The account's name in other systems."""
        return acct_of(self.user.user_name, self.tenant.name)

    @property
    def perms(self) -> list[str]:
        """The permissions of its tokens: roles of the organization, and those of services, which read them."""
        of_services = [f"external/{role.service}/{role.name}" for role in self.service_roles]
        return [f"csp:{role.name}" for role in self.roles] + of_services

    def access_claims(self, told_at: str) -> dict[str, Any]:
        """Returns what an access token says of the account, in addition to the claims of every platform token; its
        roles by reference to `told_at` where they do not fit."""
        return {
            "acct": self.acct, "username": self.user.user_name, "domain": self.tenant.name, "context": self.tenant.id,
            **fitting({"perms": self.perms}, MOST_PERMS_BYTES, told_at),
        }  # fmt: skip


def acct_of(user_name: str, org_name: str) -> str:
    """The user name where it is a mail address, else `username@domain`, URL-encoded."""
    return user_name if "@" in user_name else quote(f"{user_name}@{org_name}", safe="@")


def is_verified(user: UserView) -> bool:
    """Whether the primary mail address was confirmed."""
    return user.email_verified


def living_account(work: Work, tenant: TenantView, user_id: str, now_ms: int) -> Account | None:
    """The account as it is now, or None when the user is gone, deactivated or locked, or the organization disabled."""
    user = find_user(work, tenant.id, user_id) if tenant.enabled else None
    locked = user is not None and is_locked(user, now_ms)
    if user is None or not user.active or locked:
        return None
    groups = groups_of_users(work, tenant.id, [user_id])[user_id]
    held = all_roles_of_user(work, tenant.id, user_id, now_ms)
    roles, of_services = [role for role in held if role.service is None], [role for role in held if role.service]
    return Account(tenant, user, roles, groups, service_roles=of_services)
