"""The person whom tokens speak of: a profile, its identities, and the directory user behind it, in one query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, bindparam, select

from ostiary.directory.anonymous import ANONYMOUS
from ostiary.directory.json_text import read_for_tokens
from ostiary.directory.lockout import is_locked
from ostiary.directory.profiles import CLOUD_DIRECTORY
from ostiary.directory.user_message import user_document
from ostiary.directory.users import find_user
from ostiary.errors import unauthenticated
from ostiary.store.prepared import prepared
from ostiary.store.tables import Identity, Profile, User, table_of
from ostiary.store.work import Work

_PROFILES, _IDENTITIES, _USERS = table_of(Profile), table_of(Identity), table_of(User)
_FIND = prepared(
    select(
        _PROFILES.c.name, _PROFILES.c.email, _PROFILES.c.preferred_username, _PROFILES.c.locale, _PROFILES.c.picture,
        _PROFILES.c.gender, _PROFILES.c.attributes, _PROFILES.c.access_epoch, _PROFILES.c.anonymous,
        _IDENTITIES.c.provider,
        _IDENTITIES.c.idp_id, _IDENTITIES.c.user_info, _USERS.c.id.label("user_id"), _USERS.c.given_name,
        _USERS.c.family_name, _USERS.c.status, _USERS.c.active, _USERS.c.locked_until,
        _USERS.c.access_epoch.label("user_epoch"),
    )
    .select_from(
        _PROFILES.outerjoin(
            _IDENTITIES,
            and_(_IDENTITIES.c.tenant_id == _PROFILES.c.tenant_id, _IDENTITIES.c.profile_id == _PROFILES.c.id),
        ).outerjoin(
            _USERS,
            and_(
                _IDENTITIES.c.provider == CLOUD_DIRECTORY,
                _USERS.c.tenant_id == _IDENTITIES.c.tenant_id,
                _USERS.c.id == _IDENTITIES.c.idp_id,
            ),
        )
    )
    .where(_PROFILES.c.tenant_id == bindparam("of_tenant"), _PROFILES.c.id == bindparam("profile_id"))
    .order_by(_IDENTITIES.c.provider, _IDENTITIES.c.idp_id)
)  # fmt: skip

_EPOCHS = prepared(
    select(_PROFILES.c.access_epoch, _USERS.c.access_epoch.label("user_epoch"))
    .select_from(
        _PROFILES.outerjoin(
            _USERS, and_(_USERS.c.tenant_id == _PROFILES.c.tenant_id, _USERS.c.id == bindparam("of_user"))
        )
    )
    .where(_PROFILES.c.tenant_id == bindparam("of_tenant"), _PROFILES.c.id == bindparam("profile_id"))
)


@dataclass(frozen=True, slots=True)
class SubjectIdentity:
    """An identity of the subject; `user_info` is the provider's own data, a JSON object as text, empty for directory
    users: see `user_info`."""

    provider: str
    id: str
    user_info: str


@dataclass(frozen=True, slots=True)
class Subject:
    """A profile as tokens and userinfo show it. `attributes` is a JSON object as text."""

    id: str
    anonymous: bool
    name: str
    email: str
    email_verified: bool
    preferred_username: str
    given_name: str
    family_name: str
    locale: str
    picture: str
    gender: str
    attributes: str
    identities: tuple[SubjectIdentity, ...]
    user_id: str
    access_epoch: int
    """Grows whenever all access of the profile or of the directory user behind it ends. What was opened under an
    earlier one is dead, also what was being opened at that very moment."""
    user_epoch: int
    """The part of the directory user in it."""
    may_sign_in: bool
    """False when the directory user behind it is deactivated or locked, or gone."""

    def is_still(self, amr: str) -> bool:
        """Whether a credential that was issued after a sign-in by `amr` is its own: what was issued to an anonymous
        user dies when he becomes somebody (appid.md §16)."""
        return self.anonymous == (amr == ANONYMOUS)


def find_subject(work: Work, tenant_id: str, profile_id: str, now_ms: int) -> Subject | None:
    """The subject, or None when the profile is gone."""
    rows = work.rows(_FIND, {"of_tenant": tenant_id, "profile_id": profile_id})
    if not rows:
        return None
    identities = tuple(SubjectIdentity(row.provider, row.idp_id, row.user_info) for row in rows if row.provider)
    local = next((row for row in rows if row.provider == CLOUD_DIRECTORY), None)
    user = local if local is not None and local.user_id else None
    first = rows[0]
    return Subject(
        id=profile_id, anonymous=first.anonymous, name=first.name, email=first.email,
        preferred_username=first.preferred_username,
        locale=first.locale, picture=first.picture, gender=first.gender, attributes=first.attributes,
        identities=identities, access_epoch=first.access_epoch + (user.user_epoch if user else 0),
        user_epoch=user.user_epoch if user else 0,
        user_id=user.user_id if user else "", given_name=user.given_name if user else "",
        family_name=user.family_name if user else "", email_verified=user is not None and user.status == "CONFIRMED",
        may_sign_in=local is None
        or (user is not None and user.active and not is_locked(user.locked_until, now_ms)),
    )  # fmt: skip


def same_access(work: Work, tenant_id: str, subject: Subject) -> bool:
    """Whether nothing has ended the access of the subject since it was read."""
    row = work.row(_EPOCHS, {"of_tenant": tenant_id, "profile_id": subject.id, "of_user": subject.user_id})
    if row is None or (subject.user_id and row.user_epoch is None):  # a user who is gone has no epoch to compare
        return False
    return bool(row.access_epoch + (row.user_epoch or 0) == subject.access_epoch)


def get_subject(work: Work, tenant_id: str, profile_id: str, now_ms: int) -> Subject:
    """The subject of a token; raises 401 when the profile is gone."""
    subject = find_subject(work, tenant_id, profile_id, now_ms)
    if subject is None:
        raise unauthenticated("INVALID_TOKEN", "The token is not valid, has expired or was revoked.")
    return subject


def user_info(work: Work, tenant_id: str, identity: SubjectIdentity) -> dict[str, Any]:
    """What the provider says of an identity; for directory users what the directory says now."""
    user = find_user(work, tenant_id, identity.id) if identity.provider == CLOUD_DIRECTORY else None
    said = user_document(user) if user else read_for_tokens(identity.user_info)
    return {**said, "idpType": identity.provider}
