"""Changes of directory users, and of what is known of them, under the lock of their row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from sqlalchemy import bindparam, update

from ostiary.directory.factors.tries import forget_tries
from ostiary.directory.passwords.lockout import is_locked
from ostiary.directory.passwords.stored import forget_failures
from ostiary.directory.users.confirmation import is_confirmed
from ostiary.directory.users.contacts import (
    Contact,
    ReadContacts,
    contacts_of,
    email_keys,
    email_taken,
    one_primary,
    primary_of,
    replace_emails,
    replace_phones,
    verify_email,
    verify_primary_email,
)
from ostiary.directory.users.input import KEPT, UserChange, check_change
from ostiary.directory.users.login_names import replace_login_names
from ostiary.directory.users.searched import FOUND_BY
from ostiary.directory.users.users import (
    FACTS,
    THE_USER,
    UserView,
    described,
    lock_user,
    name_taken,
    user_key,
    views_of,
)
from ostiary.names import email_key, login_key
from ostiary.store.prepared import prepared
from ostiary.store.tables import User, table_of
from ostiary.store.work import Work

Accept = Callable[[UserView], object]
"""Raises what speaks against a change of this user."""
Amend = Callable[[UserView], UserChange | None]
"""Makes the change of a user from what it is."""
_USERS = table_of(User)
_DESCRIPTION = (
    *("display_name", "display_name_key", "given_name", "family_name", "locale", "document", "searched"),
    *FOUND_BY,
)
_CHANGED = (
    *_DESCRIPTION,
    "user_name",
    "user_name_key",
    "active",
    "may_sign_in",
    "email_verified",
    "locked_until",
    "lock_seconds",
    "version",
    "modified_at",
)
_SET_LOCALE = (
    update(_USERS)
    .where(*THE_USER, _USERS.c.locale != bindparam("new_locale"))
    .values(locale=bindparam("new_locale"), version=_USERS.c.version + 1, modified_at=bindparam("now_ms"))
)
_CHANGE = prepared(update(_USERS).where(*THE_USER).values({name: bindparam(name) for name in _CHANGED}))


def update_user(
    work: Work, tenant_id: str, user_id: str, change: UserChange, now_ms: int, accept: Accept = lambda _user: None
) -> UserView:
    """Replaces what describes a user, and the mail addresses if the change holds any.

    `accept` gets the user as it is, locked, and raises what a dialect has against the change. Raises what `amend_user`
    raises, what `check_change` raises even where there is no such user.
    """
    check_change(change)

    def accepted(user: UserView) -> UserChange:
        accept(user)
        return change

    return amend_user(work, tenant_id, user_id, accepted, now_ms)


def amend_user(
    work: Work, tenant_id: str, user_id: str, amend: Amend, now_ms: int, read: ReadContacts = contacts_of
) -> UserView:
    """Changes a user as `amend` says of it as it is, locked; None changes nothing.

    An address that stays keeps whether it is verified. A user name that is an address which goes becomes the new
    primary one: else it would still sign in, and belong to nobody else. Raises USER_NOT_FOUND, what `check_change`
    raises, USERNAME_TAKEN, EMAIL_TAKEN (409).
    """
    # Lock, then read, then change: else of two changes at once one is lost without a word.
    held = lock_user(work, tenant_id, user_id)
    view = views_of(work, tenant_id, [held], read)[0]
    change = amend(view)
    return view if change is None else _changed(work, view, held.user_name_key, check_change(change), now_ms)


def _changed(work: Work, view: UserView, key: str, change: UserChange, now_ms: int) -> UserView:
    tenant_id, user_id = view.tenant_id, view.id
    after = view if change.emails is None else _with_addresses(view, change.emails)
    user_name = _name_after(view, after, key, change)
    user_name_key = login_key(user_name)
    if after.emails != view.emails or user_name_key != key:
        _take_names(work, view, after, key, user_name_key)
    if after.emails != view.emails:
        replace_emails(work, tenant_id, user_id, after.emails)
    view = after
    unlocks = change.active or change.unlocks
    if unlocks:
        forget_failures(work, tenant_id, user_id)
        forget_tries(work, tenant_id, user_id)
    phones = tuple(one_primary("phoneNumbers", change.phones))
    if phones != view.phones:
        replace_phones(work, tenant_id, user_id, phones)
    may_sign_in, email_verified = _facts_after(view, change)
    if email_verified != view.email_verified:
        verify_primary_email(work, tenant_id, user_id, verified=email_verified)
    locked_until = None if unlocks else change.locked_until or view.locked_until
    changed = {
        **described(_with_kept(view, change), view.email), "user_name": user_name,
        "active": _active_after(view, change, now_ms),
        "may_sign_in": may_sign_in, "email_verified": email_verified,
        "locked_until": locked_until, "lock_seconds": view.lock_seconds if locked_until == view.locked_until else 0,
        "version": view.version + 1, "modified_at": now_ms,
    }  # fmt: skip
    work.run(_CHANGE, {**changed, "user_name_key": user_name_key, **user_key(tenant_id, user_id)})
    return replace(view, **{name: value for name, value in changed.items() if name in FACTS}, phones=phones)


def _with_kept(user: UserView, change: UserChange) -> UserChange:
    """The change with what only other dialects say of the user."""
    kept = {name: value for name, value in user.further.items() if name in KEPT and name not in change.further}
    return replace(change, further={**change.further, **kept}) if kept else change


def _active_after(user: UserView, change: UserChange, now_ms: int) -> bool:
    """A locked user is shown as not active: sent back with its lock, that is what was read and no wish."""
    read_back = is_locked(user, now_ms) and change.locked_until == user.locked_until
    return user.active if change.active is None or (read_back and not change.active) else change.active


def _facts_after(user: UserView, change: UserChange) -> tuple[bool, bool]:
    """Whether the user may sign in, and whether the primary mail address is verified. A confirmation that is sent back
    as it was read is no wish either."""
    if change.confirmed is None or change.confirmed == is_confirmed(user):
        return user.may_sign_in, user.email_verified
    return change.confirmed, change.confirmed and bool(user.email)


def set_locale(work: Work, tenant_id: str, user_id: str, locale: str, now_ms: int) -> None:
    """Gives a user another locale, and leaves everything else as it is. Raises USER_NOT_FOUND."""
    lock_user(work, tenant_id, user_id)
    work.run(_SET_LOCALE, {**user_key(tenant_id, user_id), "new_locale": locale, "now_ms": now_ms})


def verify_address(work: Work, tenant_id: str, user_id: str, address_key: str, now_ms: int) -> bool:
    """Notes that the user reads the mail of an address (`email_key`), with whose primary one the user may sign in;
    False when the user does not have it any more. Hold the user's row."""
    is_primary = verify_email(work, tenant_id, user_id, address_key)
    if is_primary is None:
        return False
    facts = {"may_sign_in": True, "email_verified": True} if is_primary else {}
    changed = {**facts, "version": _USERS.c.version + 1, "modified_at": now_ms}
    work.run(update(_USERS).where(*THE_USER).values(changed), user_key(tenant_id, user_id))
    return True


def _with_addresses(view: UserView, emails: Sequence[Contact]) -> UserView:
    """The user with other mail addresses; those that stay keep whether they are verified."""
    verified = {email_key(one.value): one.verified for one in view.emails}
    given = tuple(
        replace(one, verified=one.verified or verified.get(email_key(one.value), False))
        for one in one_primary("emails", emails)
    )
    primary = primary_of(given)
    return replace(view, emails=given, email_verified=primary is not None and primary.verified)


def _name_after(view: UserView, after: UserView, key: str, change: UserChange) -> str:
    """The user name that was wished for, else the one before, else the new address in place of one that is gone."""
    if change.user_name is not None:
        return change.user_name
    is_gone = key in email_keys(view.emails) - email_keys(after.emails)
    return after.email if is_gone and after.email else view.user_name


def _take_names(work: Work, view: UserView, after: UserView, key: str, key_after: str) -> None:
    """Takes the names that are new and frees those that are gone. Raises USERNAME_TAKEN, EMAIL_TAKEN."""
    names, names_after = {key, *email_keys(view.emails)}, {key_after, *email_keys(after.emails)}
    refused = replace_login_names(work, view.tenant_id, view.id, names, names_after)
    if refused:
        raise email_taken() if refused & email_keys(after.emails) else name_taken()
