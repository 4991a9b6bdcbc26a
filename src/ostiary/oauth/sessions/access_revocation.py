"""Access revocation: a user or client that is removed or disabled loses all sessions, refresh tokens, codes and
tokens."""

from __future__ import annotations

from sqlalchemy import bindparam, select, update

from ostiary.directory.profiles.profiles import CLOUD_DIRECTORY, delete_profile, get_profile, profile_of
from ostiary.directory.users.users import delete_user
from ostiary.oauth.sessions.refresh import revoke_grants_of
from ostiary.oauth.sessions.sessions import end_sessions_of_user
from ostiary.store.prepared import prepared
from ostiary.store.tables import Identity, Profile, User, table_of
from ostiary.store.work import Work

_USERS, _PROFILES, _IDENTITIES = table_of(User), table_of(Profile), table_of(Identity)
_END_OF_USER = prepared(
    update(_USERS)
    .where(_USERS.c.tenant_id == bindparam("of_tenant"), _USERS.c.id == bindparam("of_user"))
    .values(access_epoch=_USERS.c.access_epoch + 1)
)
_NEXT_EPOCH = update(_PROFILES).where(_PROFILES.c.tenant_id == bindparam("of_tenant"))
_NEXT_EPOCH = _NEXT_EPOCH.values(access_epoch=_PROFILES.c.access_epoch + 1)
_END_OF_GRANTS = prepared(_NEXT_EPOCH.where(_PROFILES.c.id == bindparam("of_profile")))
_PROFILE_OF_USER = select(_IDENTITIES.c.profile_id).where(
    _IDENTITIES.c.tenant_id == bindparam("of_tenant"),
    _IDENTITIES.c.provider == CLOUD_DIRECTORY,
    _IDENTITIES.c.idp_id == bindparam("of_user"),
)
_END_OF_PROFILE = prepared(
    _NEXT_EPOCH.where(_PROFILES.c.id == _PROFILE_OF_USER.scalar_subquery())
    .values(tokens_valid_from=bindparam("now_ms"))
    .returning(_PROFILES.c.id)
)


def end_access_of_user(work: Work, tenant_id: str, user_id: str, now_ms: int) -> None:
    """Ends what a directory user holds in any dialect, from the next request on."""
    # First, and it holds the user's row: what is being opened just now carries the epoch before, so it is dead too.
    work.run(_END_OF_USER, {"of_tenant": tenant_id, "of_user": user_id})
    _end_what_was_opened(work, tenant_id, user_id, now_ms)


def _end_what_was_opened(work: Work, tenant_id: str, user_id: str, now_ms: int) -> None:
    """Sessions, grants, and the tokens of the profile, if there is one."""
    end_sessions_of_user(work, tenant_id, user_id, now_ms)
    revoke_grants_of(work, tenant_id, now_ms, user_id=user_id)
    profile = work.row(_END_OF_PROFILE, {"of_tenant": tenant_id, "of_user": user_id, "now_ms": now_ms})
    if profile is not None:
        revoke_grants_of(work, tenant_id, now_ms, subject=profile.id)


def end_grants_of_profile(work: Work, tenant_id: str, profile_id: str, now_ms: int) -> None:
    """Ends what applications may do in the name of a profile without asking anew; its sessions stay."""
    work.run(_END_OF_GRANTS, {"of_tenant": tenant_id, "of_profile": profile_id})
    revoke_grants_of(work, tenant_id, now_ms, subject=profile_id)


def remove_user(work: Work, tenant_id: str, user_id: str, now_ms: int) -> None:
    """Deletes a directory user and ends its access; its profile stays. Raises USER_NOT_FOUND."""
    delete_user(work, tenant_id, user_id)  # first: a transaction that opens something for the user then finds none
    _end_what_was_opened(work, tenant_id, user_id, now_ms)


def remove_user_and_profile(work: Work, tenant_id: str, user_id: str, now_ms: int) -> None:
    """Deletes a directory user with its profile, if it has one. Raises USER_NOT_FOUND."""
    profile_id = profile_of(work, tenant_id, CLOUD_DIRECTORY, user_id)
    remove_user(work, tenant_id, user_id, now_ms)
    if profile_id:
        delete_profile(work, tenant_id, profile_id)


def remove_profile(work: Work, tenant_id: str, profile_id: str, now_ms: int) -> None:
    """Deletes a profile and ends its access, with the sessions of the directory user behind it, which would make it
    anew. Raises PROFILE_NOT_FOUND."""
    user_id = get_profile(work, tenant_id, profile_id).identity_at(CLOUD_DIRECTORY)
    revoke_grants_of(work, tenant_id, now_ms, subject=profile_id)
    if user_id:
        end_access_of_user(work, tenant_id, user_id, now_ms)
    delete_profile(work, tenant_id, profile_id)
