"""Conditions and orders for lists of users, by the names of RFC 7643 §4.1."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Table, func, select

from ostiary.directory.users.contacts import phone_key
from ostiary.directory.users.external_ids import USER
from ostiary.names import login_key, name_key
from ostiary.store.tables import ExternalId, User, UserEmail, UserPhone, table_of

_USERS, _EMAILS, _PHONES, _IDS = table_of(User), table_of(UserEmail), table_of(UserPhone), table_of(ExternalId)


def _email_is(tenant_id: str, value: Any) -> ColumnElement[bool]:
    return _has(_EMAILS, tenant_id, login_key(value))


def _phone_is(tenant_id: str, value: Any) -> ColumnElement[bool]:
    return _has(_PHONES, tenant_id, phone_key(value))


def _has(contacts: Table, tenant_id: str, key: str) -> ColumnElement[bool]:
    return _USERS.c.id.in_(
        select(contacts.c.user_id).where(contacts.c.tenant_id == tenant_id, contacts.c.value_key == key)
    )


EQUAL: Mapping[str, Callable[[str, Any], ColumnElement[bool]]] = {
    "id": lambda _tenant_id, value: _USERS.c.id == value,
    "userName": lambda _tenant_id, value: _USERS.c.user_name_key == login_key(value),
    "displayName": lambda _tenant_id, value: _USERS.c.display_name_key == name_key(value),
    "active": lambda _tenant_id, value: _USERS.c.active == value,
    "emails": _email_is,
    "emails.value": _email_is,
    "phoneNumbers": _phone_is,
    "phoneNumbers.value": _phone_is,
}
"""Whether an attribute equals a value, by its name: a function of the tenant and the value."""


@dataclass(frozen=True, slots=True)
class Contacts:
    """The table of a list of contacts, and how its values are compared."""

    table: Table
    key: Callable[[str], str]

    def equal(self, name: str, value: str | bool) -> ColumnElement[bool] | None:
        """Whether a sub-attribute equals a value; None for one by which nobody can be found, or for such a value."""
        if name == "primary":
            return self.table.c.is_primary == value if isinstance(value, bool) else None
        if not isinstance(value, str):
            return None
        if name == "value":
            return self.table.c.value_key == self.key(value)
        return func.lower(self.table.c.type) == value.lower() if name == "type" else None


CONTACTS: Mapping[str, Contacts] = {
    "emails": Contacts(_EMAILS, login_key),
    "phoneNumbers": Contacts(_PHONES, phone_key),
}
"""The lists of RFC 7643 §4.1.2 whose entries users can be found by."""


def has_contact(name: str, tenant_id: str, condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether one entry of a list fulfils a condition on the columns of its table."""
    contacts = CONTACTS[name].table
    return _USERS.c.id.in_(select(contacts.c.user_id).where(contacts.c.tenant_id == tenant_id, condition))


ORDERS: Mapping[str, ColumnElement[Any]] = {
    "userName": _USERS.c.user_name_key,
    "displayName": _USERS.c.display_name_key,
    "id": _USERS.c.id,
    "meta.created": _USERS.c.created_at,
    "meta.lastModified": _USERS.c.modified_at,
}
"""The attributes by which users can be sorted."""


def external_id_is(tenant_id: str, provisioner: str, value: str) -> ColumnElement[bool]:
    """Whether `provisioner` has given this id to the user."""
    given = (_IDS.c.tenant_id == tenant_id, _IDS.c.provisioner == provisioner, _IDS.c.resource_type == USER)
    return _USERS.c.id.in_(select(_IDS.c.resource_id).where(*given, _IDS.c.external_id == value))


def sorted_by(name: str, *, descending: bool) -> tuple[ColumnElement[Any], ...]:
    """The order by (attribute, id); raises KeyError for what users cannot be sorted by."""
    key = ORDERS[name]
    return (key.desc(), _USERS.c.id.desc()) if descending else (key, _USERS.c.id)
