"""Conditions on lists of users: by their contacts."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import ColumnElement, Table, select

from ostiary.store.tables import User, UserEmail, UserPhone, table_of

_USERS = table_of(User)
_CONTACTS: Mapping[str, Table] = {"emails": table_of(UserEmail), "phoneNumbers": table_of(UserPhone)}


def has_contact(name: str, tenant_id: str, condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether one entry of a list, `emails` or `phoneNumbers`, fulfils a condition on the columns of its table."""
    contacts = _CONTACTS[name]
    return _USERS.c.id.in_(select(contacts.c.user_id).where(contacts.c.tenant_id == tenant_id, condition))
