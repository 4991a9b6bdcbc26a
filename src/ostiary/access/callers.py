"""Description of the caller for itself: a directory user, an API key or a client, in one form for every dialect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, select

from ostiary.access.principals import Principal, PrincipalKind
from ostiary.directory.groups.membership import BelongsTo, groups_of_users
from ostiary.directory.preferences.preferences import API_KEY, CLIENT, SERVICE_ACCOUNT, USER, Owner
from ostiary.directory.roles.bindings import HeldRole, roles_named
from ostiary.directory.roles.built_in import MANAGER, ORG_MEMBER, ORG_OWNER, READER, WRITER
from ostiary.directory.roles.permissions import Permission
from ostiary.directory.users.users import UserView, get_user
from ostiary.oauth.claims.claims_parameter import asked_at
from ostiary.oauth.claims.scopes import CLAIMS_OF_SCOPES
from ostiary.oauth.clients.clients import get_client
from ostiary.store.tables import ApiKey, ServiceAccount, table_of
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work

_KEYS = table_of(ApiKey)
_KEY_NAME = select(_KEYS.c.name).where(_KEYS.c.tenant_id == bindparam("of_tenant"), _KEYS.c.id == bindparam("id"))
_ACCOUNTS = table_of(ServiceAccount)
_ACCOUNT_NAME = select(_ACCOUNTS.c.name).where(
    _ACCOUNTS.c.tenant_id == bindparam("of_tenant"), _ACCOUNTS.c.id == bindparam("id")
)
_PREFERRING: Mapping[PrincipalKind, str] = {
    PrincipalKind.USER: USER, PrincipalKind.CLIENT: CLIENT, PrincipalKind.API_KEY: API_KEY,
    PrincipalKind.SERVICE_ACCOUNT: SERVICE_ACCOUNT,
}  # fmt: skip
_OF_API_KEYS: Mapping[str, str] = {MANAGER: ORG_OWNER, WRITER: ORG_MEMBER, READER: ORG_MEMBER}


@dataclass(frozen=True, slots=True)
class CallerView:
    """The caller. `user` is None for API keys and clients, which have a name and no other description."""

    id: str
    name: str
    tenant: TenantView
    roles: Sequence[HeldRole]
    user: UserView | None = None
    groups: Sequence[BelongsTo] = ()


def caller_view(work: Work, tenant: TenantView, principal: Principal) -> CallerView:
    """The caller at home, with the roles that it was given itself, as the dialects name them."""
    roles = roles_named(work, tenant.id, (_OF_API_KEYS.get(role, role) for role in principal.roles))
    if principal.kind is PrincipalKind.USER:
        user = get_user(work, tenant.id, principal.id)
        groups = groups_of_users(work, tenant.id, [user.id])[user.id]
        return CallerView(user.id, user.user_name, tenant, roles, user, groups)
    return CallerView(principal.id, _name_of(work, tenant, principal), tenant, roles)


def _name_of(work: Work, tenant: TenantView, principal: Principal) -> str:
    if principal.kind is PrincipalKind.CLIENT:
        return get_client(work, tenant, principal.id).name
    name = _ACCOUNT_NAME if principal.kind is PrincipalKind.SERVICE_ACCOUNT else _KEY_NAME
    row = work.row(name, {"of_tenant": tenant.id, "id": principal.id})
    return row.name if row else ""


def preferring(principal: Principal) -> Owner:
    """The caller as the owner of preferences: everybody whom a platform token describes."""
    return Owner(principal.id, _PREFERRING[principal.kind])


def asked_claims(principal: Principal) -> frozenset[str] | None:
    """The claims of the person that an application has asked for, by scope and by name; None for a caller who acts for
    itself, and may know all."""
    if Permission.CLAIMS_READ not in principal.permissions:
        return None
    by_name = asked_at(str(principal.claims.get("claims", "")), "userinfo")
    return by_name.union(*(CLAIMS_OF_SCOPES.get(scope, ()) for scope in principal.scopes))
