"""Directory users: found, listed, created, changed, deleted; the same for every dialect."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    bindparam,
    delete,
    false,
    literal,
    select,
    tuple_,
)

from ostiary.directory.groups.membership import leave_groups
from ostiary.directory.passwords.stored import set_first_password
from ostiary.directory.users.contacts import (
    Contact,
    ReadContacts,
    add_emails,
    add_phones,
    contacts_of,
    email_keys,
    email_taken,
    one_primary,
    primary_of,
)
from ostiary.directory.users.input import (
    Description,
    NewUser,
    check_user,
    formatted_name,
)
from ostiary.directory.users.login_names import take_login_names, user_with_login_name
from ostiary.directory.users.searched import searched
from ostiary.errors import DomainError, conflict, not_found
from ostiary.ids import Entropy, new_id
from ostiary.names import email_key, is_text, login_key, name_key
from ostiary.store.listed import listed
from ostiary.store.pages import about_how_many, counted_rows, on_page, page_of, total_of_empty
from ostiary.store.prepared import prepared
from ostiary.store.tables import ExternalId, Preference, RoleBinding, User, UserEmail, table_of, unindexed
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work

MAX_PAGE = 100

_USERS, _EMAILS = table_of(User), table_of(UserEmail)
BY_AGE = (_USERS.c.created_at, _USERS.c.id)
BY_USER_NAME = (_USERS.c.user_name_key, _USERS.c.id)


@dataclass(frozen=True, slots=True)
class UserView:
    """A user as it was read. Times are UTC milliseconds; `document` is what `Description.further` held, as JSON."""

    id: str
    tenant_id: str
    user_name: str
    display_name: str
    given_name: str
    family_name: str
    document: str
    locale: str
    active: bool
    may_sign_in: bool
    email_verified: bool
    locked_until: int | None
    lock_seconds: int
    version: int
    created_at: int
    modified_at: int
    last_login: int | None
    original_id: str
    access_epoch: int
    emails: tuple[Contact, ...] = ()
    phones: tuple[Contact, ...] = ()

    @property
    def email(self) -> str:
        """The primary mail address; empty if there is none."""
        return next((email.value for email in self.emails if email.primary), "")

    def has_address(self, key: str) -> bool:
        """Whether a mail address, in compared form, is one of the user's."""
        return key in email_keys(self.emails)

    @property
    def further(self) -> dict[str, Any]:
        """The attributes that no query asks for, under their JSON names."""
        document: dict[str, Any] = json.loads(self.document)
        return document

    @property
    def formatted_name(self) -> str:
        """The name as one text; empty if none was given."""
        return formatted_name(self.given_name, self.family_name, self.further)


FACTS = [name for name in UserView.__slots__ if name in _USERS.c]
COLUMNS = [_USERS.c[name] for name in FACTS]
"""The columns of a `UserView`, in its order, without the contacts; the first is the id."""
_WIDTH = len(COLUMNS)
THE_USER = (_USERS.c.tenant_id == bindparam("of_tenant"), _USERS.c.id == bindparam("of_user"))
"""The condition that a row is the user of `user_key`."""
_BY_ID = prepared(select(*COLUMNS).where(*THE_USER))
_LOCK = prepared(select(*COLUMNS, _USERS.c.user_name_key).where(*THE_USER).with_for_update())
_ADD = prepared(lambda insert: insert(_USERS).on_conflict_do_nothing().returning(literal(1)))
_DELETE = prepared(delete(_USERS).where(*THE_USER))
_NAMED_ELSEWHERE = [
    prepared(delete(table).where(table.c.tenant_id == bindparam("of_tenant"), table.c[column] == bindparam("of_user")))
    for table, column in (
        (table_of(RoleBinding), "holder_id"),
        (table_of(ExternalId), "resource_id"),
        (table_of(Preference), "owner_id"),
    )
]
"""Rows that no foreign key takes with a user: what they name may be a group too."""
_BY_IDS = prepared(
    select(*COLUMNS).where(unindexed(_USERS.c.tenant_id) == bindparam("of_tenant"), listed(_USERS.c.id, "ids"))
)
_BY_NAME = prepared(
    select(_USERS.c.id).where(_USERS.c.tenant_id == bindparam("of_tenant"), _USERS.c.user_name_key == bindparam("key"))
)
_BY_EMAIL = prepared(
    select(_EMAILS.c.user_id.label("id")).where(
        _EMAILS.c.tenant_id == bindparam("of_tenant"), _EMAILS.c.value_key == bindparam("key"), _EMAILS.c.is_primary
    )
)


def find_row(work: Work, tenant_id: str, user_id: str) -> Row[Any] | None:
    """The `COLUMNS` of the user with this directory id, or None."""
    return work.row(_BY_ID, user_key(tenant_id, user_id))


def find_user(work: Work, tenant_id: str, user_id: str, read: ReadContacts = contacts_of) -> UserView | None:
    """The user with this directory id, or None."""
    row = find_row(work, tenant_id, user_id)
    return views_of(work, tenant_id, [row], read)[0] if row else None


def with_contacts(work: Work, user: UserView) -> UserView:
    """A user who was read without them."""
    found = contacts_of(work, user.tenant_id, [user.id])
    return replace(user, emails=found.get((user.id, "email"), ()), phones=found.get((user.id, "phone"), ()))


def get_user(work: Work, tenant_id: str, user_id: str, read: ReadContacts = contacts_of) -> UserView:
    """The user with this directory id; raises USER_NOT_FOUND."""
    found = find_user(work, tenant_id, user_id, read)
    if found is None:
        raise no_such_user()
    return found


def find_users(work: Work, tenant_id: str, user_ids: Iterable[str]) -> dict[str, UserView]:
    """Returns those of the users that exist, by directory id."""
    rows = work.rows(_BY_IDS, {"of_tenant": tenant_id, "ids": list(user_ids)})
    return {view.id: view for view in views_of(work, tenant_id, rows)}


def find_by_login(work: Work, tenant_id: str, login: str, identity_field: str = "") -> str | None:
    """Returns the directory id of the user who signs in as `login`: by any name of theirs, or, as App ID narrows it, by
    the primary mail address (email) or the userName alone."""
    key = login_key(login)
    if not is_text(key):
        return None
    if not identity_field:
        return user_with_login_name(work, tenant_id, key)
    row = work.row(_BY_NAME if identity_field == "userName" else _BY_EMAIL, {"of_tenant": tenant_id, "key": key})
    return row.id if row else None


def list_users(
    work: Work, tenant_id: str, *conditions: ColumnElement[bool], start: int = 1, count: int = MAX_PAGE,
    order: Sequence[ColumnElement[Any]] = BY_AGE, about: int = 0, counting: Select[Any] | None = None,
    read: ReadContacts = contacts_of,
) -> tuple[list[UserView], int]:  # fmt: skip
    """Returns one page of users, oldest first unless `order` says otherwise, and how many there are in all.

    `start` counts from 1. `conditions` and `order` are of the columns of the table `users`; `order` ends with the id.
    `about`: how many there may be, so that a page near the end is looked for from there; it need not be right.
    `counting` counts the same users, as `n`, where the caller knows a cheaper way than to read them.
    """
    chosen = (_USERS.c.tenant_id == tenant_id, *conditions)
    counting = counted_rows(_USERS, *chosen) if counting is None else counting
    page = page_of(_USERS, chosen, order, start=start, count=count, about=about, counting=counting)
    found = work.rows(select(*COLUMNS, page.c.total).join(page, page.c.id == _USERS.c.id).order_by(*order))
    if not found:
        return [], total_of_empty(work, counting, start, count)
    return views_of(work, tenant_id, on_page(found, found[0].total, start), read), found[0].total


def user_count(work: Work, tenant: TenantView) -> int:
    """About how many users a tenant has."""
    return about_how_many(work, tenant, "users", counted_rows(_USERS, _USERS.c.tenant_id == tenant.id))


def users_after(work: Work, tenant_id: str, position: str, count: int) -> list[UserView]:
    """The next users in order of their age behind `position`, which is `{created_at} {id}` of one, or empty."""
    page = select(*COLUMNS).where(_USERS.c.tenant_id == tenant_id).order_by(*BY_AGE).limit(count)
    if position:
        created_at, _, user_id = position.partition(" ")
        page = page.where(tuple_(*BY_AGE) > tuple_(literal(int(created_at)), literal(user_id)))
    return views_of(work, tenant_id, work.rows(page))


def user_named(tenant_id: str, login: str, identity_field: str) -> ColumnElement[bool]:
    """The condition that a user signs in as `login`."""
    key = login_key(login)
    if not is_text(key):
        return false()
    if identity_field == "userName":
        return _USERS.c.user_name_key == key
    holders = select(_EMAILS.c.user_id).where(
        _EMAILS.c.tenant_id == tenant_id, _EMAILS.c.value_key == key, _EMAILS.c.is_primary
    )
    return _USERS.c.id.in_(holders)


def create_user(
    work: Work, tenant_id: str, new: NewUser, password_hash: str | None, entropy: Entropy, now_ms: int
) -> UserView:
    """Stores a new user. Raises what `check_user` raises, EMAIL_TAKEN, USERNAME_TAKEN (409).

    Of two at once with the same name or address exactly one succeeds.
    """
    check_user(new)
    emails, phones = one_primary("emails", new.emails), one_primary("phoneNumbers", new.phones)
    primary = primary_of(emails)
    user_id, name = new_id(entropy), new.user_name or (primary.value if primary else "")
    row = user_row(tenant_id, user_id, new, primary, now_ms)
    if work.row(_ADD, row) is None:
        raise name_taken() if new.user_name else email_taken()
    add_emails(work, tenant_id, user_id, emails)
    keys = [login_key(name), *(email_key(one.value) for one in emails)]
    refused = take_login_names(work, tenant_id, [(key, user_id) for key in keys])
    if refused:
        raise name_taken() if (login_key(name), user_id) in refused else email_taken()
    add_phones(work, tenant_id, user_id, phones)
    if password_hash is not None:
        set_first_password(work, tenant_id, user_id, password_hash, now_ms)
    return UserView(**{name: row[name] for name in FACTS}, emails=tuple(emails), phones=tuple(phones))


def user_row(tenant_id: str, user_id: str, new: NewUser, primary: Contact | None, now_ms: int) -> dict[str, Any]:
    """A new user as it is stored; `primary` is its primary mail address, if it has one."""
    email = primary.value if primary else ""
    name = new.user_name or email
    return {
        "id": user_id, "tenant_id": tenant_id, "user_name": name, "user_name_key": login_key(name),
        **described(new, email), "active": new.active, "may_sign_in": new.may_sign_in,
        "email_verified": primary is not None and primary.verified, "locked_until": new.locked_until,
        "lock_seconds": 0,
        "version": 1, "created_at": now_ms, "modified_at": now_ms, "last_login": None, "original_id": new.original_id,
        "access_epoch": 0,
    }  # fmt: skip


def lock_user(work: Work, tenant_id: str, user_id: str) -> Row[Any]:
    """The user's row, held until the end of the transaction; raises USER_NOT_FOUND."""
    user = work.row(_LOCK, user_key(tenant_id, user_id))
    if user is None:
        raise no_such_user()
    return user


def delete_user(work: Work, tenant_id: str, user_id: str) -> None:
    """Deletes a user and what the directory knows of it; a profile stays. Raises USER_NOT_FOUND."""
    if not work.run(_DELETE, user_key(tenant_id, user_id)):
        raise no_such_user()
    leave_groups(work, tenant_id, user_id)
    for each in _NAMED_ELSEWHERE:
        work.run(each, user_key(tenant_id, user_id))


def user_key(tenant_id: str, user_id: str) -> dict[str, Any]:
    """The parameters of `THE_USER`."""
    return {"of_tenant": tenant_id, "of_user": user_id}


def no_such_user() -> DomainError:
    """Returns the error for a user that is not found: the same for an unknown directory id, a profile id, and a user of
    another tenant."""
    return not_found("USER_NOT_FOUND", "There is no directory user with this id.")


def views_of(work: Work, tenant_id: str, rows: Sequence[Any], read: ReadContacts = contacts_of) -> list[UserView]:
    """Users of rows that begin with `COLUMNS`, with their contacts: one more query, however many users."""
    ids = [row[0] for row in rows]
    found = read(work, tenant_id, ids)
    facts = (row[:_WIDTH] for row in rows)
    return [
        UserView(*each, found.get((user_id, "email"), ()), found.get((user_id, "phone"), ()))  # type: ignore[call-arg]
        for user_id, each in zip(ids, facts, strict=True)
    ]


def described(new: Description, email: str) -> dict[str, Any]:
    """The columns of a description; `email` is the primary mail address, empty if there is none."""
    display_name = new.display_name or ((new.formatted_name or email) if new.names_itself else "")
    return {
        "display_name": display_name, "display_name_key": name_key(display_name), "given_name": new.given_name,
        "family_name": new.family_name, "locale": new.locale, "document": json.dumps(new.further),
        **searched(new),
    }  # fmt: skip


def name_taken() -> DomainError:
    """Returns the error for a user name that another user of the directory has, or signs in with."""
    return conflict("USERNAME_TAKEN", "The directory has a user with this user name already.", scim_type="uniqueness")
