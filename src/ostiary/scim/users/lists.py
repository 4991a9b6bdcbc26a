"""Lists of users (RFC 7644 §3.4.2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, bindparam, select

from ostiary.directory.users.contacts import ReadContacts
from ostiary.directory.users.external_ids import USER
from ostiary.directory.users.users import COLUMNS, UserView, find_row, list_users, user_count, views_of
from ostiary.http.paging import Page
from ostiary.names import login_key
from ostiary.scim.acting import Acting
from ostiary.scim.filters.nodes import EQUAL, Comparison, Node
from ostiary.scim.filters.of_users import SearchedUsers
from ostiary.scim.filters.sources import Condition
from ostiary.scim.search import Column, Found, Search, find
from ostiary.store.prepared import prepared
from ostiary.store.tables import ExternalId, User, UserEmail, table_of
from ostiary.store.work import Work

_USERS, _EMAILS, _IDS = table_of(User), table_of(UserEmail), table_of(ExternalId)
_OF_TENANT = _USERS.c.tenant_id == bindparam("of_tenant")
_BY_NAME = prepared(select(*COLUMNS).where(_OF_TENANT, _USERS.c.user_name_key == bindparam("key")))
_BY_EMAIL = prepared(
    select(*COLUMNS)
    .join(_EMAILS, _EMAILS.c.user_id == _USERS.c.id)
    .where(_EMAILS.c.tenant_id == bindparam("of_tenant"), _EMAILS.c.value_key == bindparam("key"))
)
_BY_EXTERNAL_ID = prepared(
    select(*COLUMNS)
    .join(_IDS, (_IDS.c.resource_id == _USERS.c.id) & (_IDS.c.tenant_id == _USERS.c.tenant_id))
    .where(
        _IDS.c.tenant_id == bindparam("of_tenant"), _IDS.c.provisioner == bindparam("by"),
        _IDS.c.resource_type == USER, _IDS.c.external_id == bindparam("key"),
    )
)  # fmt: skip
_Finder = Callable[[Work, str, str, str], Row[Any] | None]


def _by_id(work: Work, tenant_id: str, provisioner: str, value: str) -> Row[Any] | None:
    return find_row(work, tenant_id, value)


def _by_name(work: Work, tenant_id: str, provisioner: str, value: str) -> Row[Any] | None:
    return work.row(_BY_NAME, {"of_tenant": tenant_id, "key": login_key(value)})


def _by_email(work: Work, tenant_id: str, provisioner: str, value: str) -> Row[Any] | None:
    return work.row(_BY_EMAIL, {"of_tenant": tenant_id, "key": login_key(value)})


def _by_external_id(work: Work, tenant_id: str, provisioner: str, value: str) -> Row[Any] | None:
    return work.row(_BY_EXTERNAL_ID, {"of_tenant": tenant_id, "by": provisioner, "key": value})


_LOOKUPS: Mapping[str, _Finder] = {
    "id": _by_id,
    "username": _by_name,
    "emails": _by_email,
    "emails.value": _by_email,
    "externalid": _by_external_id,
}
"""Filters that name one user at most, as nearly all of those that provisioning clients send."""


def find_page(acting: Acting, search: Search, now_ms: int, location: str, read: ReadContacts) -> Found:
    """One page of the users that a search finds, whose contacts `read` reads; raises as `search.find`."""
    work, tenant_id, provisioner = acting.work, acting.tenant_id, acting.principal.id
    lookup = _lookup(search.filter) if search.cursor is None and not search.sort_by and not search.sort_order else None
    if lookup is not None:
        row = lookup[0](work, tenant_id, provisioner, lookup[1])
        return _one_user(search.page, views_of(work, tenant_id, [row], read) if row is not None else [])

    def read_page(conditions: Sequence[Condition], order: Sequence[Column], page: Page) -> tuple[list[UserView], int]:
        about = user_count(work, acting.required_tenant) if page.start > page.size else 0
        return list_users(
            work, tenant_id, *conditions, start=page.start, count=page.size, order=order, about=about,
            counting=searched.number_of(conditions), read=read,
        )  # fmt: skip

    searched = SearchedUsers(tenant_id, provisioner, now_ms, location)
    return find(work, search, searched, _USERS, tenant_id, read_page)


def _lookup(node: Node | None) -> tuple[_Finder, str] | None:
    if not isinstance(node, Comparison) or node.operator != EQUAL or node.name.urn or not isinstance(node.value, str):
        return None
    finder = _LOOKUPS.get(str(node.name).lower())
    return None if finder is None else (finder, node.value)


def _one_user(page: Page, users: Sequence[UserView]) -> Found:
    on_page = page.start == 1 and page.size > 0
    return Found(users if on_page else (), len(users), page.start)
