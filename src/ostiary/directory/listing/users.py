"""Fields of users in the filters and orders of cloudapi."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, and_, cast, false, func, or_, select, true

from ostiary.directory.passwords.lockout import SKEW_MS
from ostiary.directory.roles.built_in import FOR_HOLDERS, role_id
from ostiary.directory.roles.role_list import URN as ROLE_URN
from ostiary.directory.users.search import has_contact
from ostiary.http.fiql import Comparator, is_one_of, is_true, is_whole, matches
from ostiary.names import folded, login_key
from ostiary.store.comparing import starts_with
from ostiary.store.tables import USER, OrganizationRole, RoleBinding, User, UserEmail, table_of

URN, LOCAL = "urn:vcloud:user:", "LOCAL"
_USERS, _EMAILS = table_of(User), table_of(UserEmail)
_BINDINGS, _ROLES = table_of(RoleBinding), table_of(OrganizationRole)
_ORDERS: Mapping[str, ColumnElement[Any]] = {
    "username": _USERS.c.user_name_key, "nameInSource": _USERS.c.user_name_key, "fullName": _USERS.c.display_name_key,
    "id": _USERS.c.id,
}  # fmt: skip
"""The fields that users are sorted by: an index has each."""


def user_order(by: str, *, descending: bool) -> tuple[ColumnElement[Any], ...]:
    """The order by (field, id)."""
    key = _ORDERS[by]
    if key is _USERS.c.id:
        return (key.desc(),) if descending else (key,)
    return (key.desc(), _USERS.c.id.desc()) if descending else (key, _USERS.c.id)


def user_fields(tenant_id: str, now_ms: int, order: str) -> Mapping[str, Comparator]:
    """The fields that users of a tenant are found by, for a list in this order. Passwords are none, nor anything of
    them."""
    by_name = matches(_USERS.c.user_name_key, folded, login_key, begins=starts_with)
    return {
        "id": matches(_USERS.c.id, lambda text: text.removeprefix(URN).lower()),
        "username": by_name,
        "nameInSource": by_name,
        "fullName": matches(_USERS.c.display_name_key, folded, begins=starts_with),
        "email": _primary_email(tenant_id),
        "enabled": is_true(_active(order)),
        "locked": is_true(_is_locked(now_ms)),
        "providerType": is_one_of({LOCAL: true()}, otherwise=false()),
        "roleEntityRefs.id": _with_role(tenant_id, now_ms, lambda text: text.removeprefix(ROLE_URN).lower()),
        "roleEntityRefs.name": _with_role(tenant_id, now_ms, folded),
    }


def _active(order: str) -> ColumnElement[bool]:
    """Whether a user is active, so that the index that has the order of the list finds it: the databases would else
    take that of active users by name, and sort them all."""
    by_name = _ORDERS[order] is _USERS.c.user_name_key
    return _USERS.c.active if by_name else func.coalesce(_USERS.c.active, false())


def _primary_email(tenant_id: str) -> Comparator:
    compare = matches(_EMAILS.c.value_key, folded, login_key, begins=starts_with)

    def of_user(operator: str, texts: Sequence[str]) -> ColumnElement[bool]:
        return has_contact("emails", tenant_id, and_(_EMAILS.c.is_primary, compare(operator, texts)))

    return of_user


def _is_locked(now_ms: int) -> ColumnElement[bool]:
    """As `is_locked` decides it."""
    longest = cast(_USERS.c.lock_seconds, BigInteger) * 1000 + (now_ms + SKEW_MS)
    until = _USERS.c.locked_until
    return and_(until.is_not(None), until > now_ms, or_(_USERS.c.lock_seconds == 0, until <= longest))


def _with_role(tenant_id: str, now_ms: int, key: Callable[[str], str]) -> Comparator:
    """Compares the roles that were given to a user itself, by id or by name."""

    def compare(operator: str, texts: Sequence[str]) -> ColumnElement[bool]:
        wanted = key(is_whole(operator, texts))
        built_in = [name for name in FOR_HOLDERS if wanted in (name, role_id(tenant_id, name))]
        own = select(_ROLES.c.id).where(
            _ROLES.c.tenant_id == tenant_id, or_(_ROLES.c.id == wanted, _ROLES.c.name_key == wanted)
        )
        held = select(_BINDINGS.c.holder_id).where(
            _BINDINGS.c.tenant_id == tenant_id, _BINDINGS.c.holder_type == USER,
            or_(_BINDINGS.c.role.in_(built_in), _BINDINGS.c.role.in_(own)),
            or_(_BINDINGS.c.expires_at.is_(None), _BINDINGS.c.expires_at > now_ms),
        )  # fmt: skip
        return _USERS.c.id.in_(held)

    return compare
