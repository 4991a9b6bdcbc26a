"""Admission after a correct password: checks that the user may sign in now, and returns what is known of the user."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import bindparam, exists, select, update

from ostiary.directory.factors.ceremonies import refused
from ostiary.directory.passwords.advanced_policies import ADVANCED_PASSWORDS
from ostiary.directory.passwords.lockout import is_locked
from ostiary.directory.passwords.stored import StoredPassword, forget_failures, set_fresh_hash
from ostiary.directory.users.cloud_directory import CLOUD_DIRECTORY
from ostiary.directory.users.users import COLUMNS, UserView, get_user, lock_user
from ostiary.errors import DomainError, denied, unauthenticated
from ostiary.store.prepared import prepared
from ostiary.store.tables import LoginName, Password, User, UserEmail, table_of, unindexed
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work

WRONG = "The email or password that you entered is incorrect."
_USERS, _PASSWORDS = table_of(User), table_of(Password)
_EMAILS, _NAMES = table_of(UserEmail), table_of(LoginName)
_THE_USER = (_USERS.c.tenant_id == bindparam("of_tenant"), _USERS.c.id == bindparam("of_user"))
_LOCK = prepared(
    select(
        *COLUMNS, _PASSWORDS.c.hash, _PASSWORDS.c.changed_at, _PASSWORDS.c.valid_until, _PASSWORDS.c.expires_always,
        _PASSWORDS.c.failures,
    )
    .select_from(
        _USERS.join(_PASSWORDS, (_PASSWORDS.c.tenant_id == _USERS.c.tenant_id) & (_PASSWORDS.c.user_id == _USERS.c.id))
    )
    .where(*_THE_USER)
    # Both, since what was waited for may have changed both.
    .with_for_update(of=[_USERS, _PASSWORDS])
)  # fmt: skip
_PRIMARY = select(_EMAILS.c.value).where(
    unindexed(_EMAILS.c.tenant_id) == bindparam("of_tenant"),
    _EMAILS.c.user_id == bindparam("of_user"),
    _EMAILS.c.is_primary,
)  # fmt: skip
_HAS_NAME = exists().where(
    _NAMES.c.tenant_id == bindparam("of_tenant"), _NAMES.c.name_key == bindparam("key"),
    _NAMES.c.user_id == bindparam("of_user"),
)  # fmt: skip
_NOW = prepared(select(_PRIMARY.scalar_subquery().label("email"), _HAS_NAME.label("has_name")))
"""The primary address, and whether the name that was typed is the user's. A statement of its own, after the lock: what
is joined to rows that were waited for is as it was before the wait (PostgreSQL, read committed)."""
_SIGNED_IN = prepared(update(_USERS).where(*_THE_USER).values(last_login=bindparam("now_ms")))


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A directory user who has just proved who it is."""

    tenant_id: str
    user_id: str
    user_name: str
    email: str
    email_verified: bool
    display_name: str
    given_name: str
    family_name: str
    locale: str
    access_epoch: int
    """The user's access epoch at the sign-in: whatever is opened for this sign-in ends when the epoch has grown."""


def admit(
    work: Work, tenant: TenantView, user_id: str, name: str, phc: str, fresh: str, now_ms: int
) -> SignedIn:  # fmt: skip
    """Notes the sign-in of a user by a name (`login_key`), whose password fits `phc`, which `fresh` replaces where it
    differs.

    Everything is read again, under lock: the hash took its time. Raises WRONG_CREDENTIALS, USER_NOT_VERIFIED,
    PASSWORD_EXPIRED.
    """
    held = work.row(_LOCK, {"of_tenant": tenant.id, "of_user": user_id})
    if held is None or not held.active or is_locked(held, now_ms) or held.hash != phc:
        raise wrong_credentials()
    now = work.row(_NOW, {"of_tenant": tenant.id, "of_user": user_id, "key": name})
    if now is None or not now.has_name:  # it was given up meanwhile, and may be another user's
        raise wrong_credentials()
    if held.failures:
        forget_failures(work, tenant.id, user_id)
    if not held.may_sign_in and CLOUD_DIRECTORY.read(work, tenant).refuses_pending:
        raise _pending()
    stored = StoredPassword(held.hash, held.changed_at, held.valid_until, held.expires_always, held.failures)
    if stored.has_expired(now_ms) and (stored.expires_always or ADVANCED_PASSWORDS.read(work, tenant).expires):
        raise _expired(user_id, held.changed_at)
    work.run(_SIGNED_IN, {"of_tenant": tenant.id, "of_user": user_id, "now_ms": now_ms})
    if fresh != phc:
        set_fresh_hash(work, tenant.id, user_id, fresh)
    return signed_in_as(UserView(*held[: len(COLUMNS)]), now.email or "")


def admit_by_passkey(work: Work, tenant: TenantView, user_id: str, now_ms: int) -> SignedIn:
    """Notes the sign-in of a user who has proved a passkey. Raises PASSKEY_REFUSED for one who may not sign in,
    USER_NOT_VERIFIED."""
    signed_in = admit_known(work, tenant, user_id, now_ms)
    if signed_in is None:
        raise refused()
    return signed_in


def admit_known(work: Work, tenant: TenantView, user_id: str, now_ms: int) -> SignedIn | None:
    """Notes the sign-in of a user who has proved who it is; None for one who is deactivated or locked. Raises
    USER_NOT_VERIFIED."""
    lock_user(work, tenant.id, user_id)
    user = get_user(work, tenant.id, user_id)
    if not user.active or is_locked(user, now_ms):
        return None
    if not user.may_sign_in and CLOUD_DIRECTORY.read(work, tenant).refuses_pending:
        raise _pending()
    work.run(_SIGNED_IN, {"of_tenant": tenant.id, "of_user": user_id, "now_ms": now_ms})
    return signed_in_as(user, user.email)


def signed_in_as(user: UserView, email: str) -> SignedIn:
    """Returns what a sign-in of this user says; `email` is its primary mail address, empty if it has none."""
    return SignedIn(
        user.tenant_id, user.id, user.user_name, email, user.email_verified, user.display_name,
        user.given_name, user.family_name, user.locale, user.access_epoch,
    )  # fmt: skip


def wrong_credentials() -> DomainError:
    """Returns the error of a failed sign-in: the same for unknown users, wrong passwords, deactivated and locked
    users."""
    return unauthenticated("WRONG_CREDENTIALS", WRONG, oauth_error="invalid_grant", status=400)


def _pending() -> DomainError:
    # The text is what SDKs compare, so what would help is a field of its own.
    return denied(
        "USER_NOT_VERIFIED", "Pending user verification", keep_changes=True, oauth_error="invalid_grant",
        error_code="FORBIDDEN",
        help="Follow the link in the verification mail, or let an administrator set the user's status to CONFIRMED.",
    )  # fmt: skip


def _expired(user_id: str, changed_at: int) -> DomainError:
    """Returns the error for an expired password. Only a user who knows the password sees it; a page for a new password
    needs the id, and `changed_at`, which says which password it was."""
    return unauthenticated(
        "PASSWORD_EXPIRED", "Password expired", keep_changes=True, oauth_error="invalid_grant", status=400,
        user_id=user_id, changed_at=changed_at,
    )  # fmt: skip
