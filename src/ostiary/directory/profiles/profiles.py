"""Profiles of users who signed in or are expected to. A profile's id is the `sub` of its tokens."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, and_, bindparam, delete, select

from ostiary.errors import DomainError, conflict, invalid, not_found
from ostiary.ids import Entropy, new_id
from ostiary.names import login_key
from ostiary.store.prepared import prepared
from ostiary.store.tables import Identity, Profile, table_of, unindexed
from ostiary.store.work import Work

CLOUD_DIRECTORY = "cloud_directory"
"""The provider of identities that are users of the tenant's own directory; their `id` is the directory id."""
CUSTOM = "appid_custom"
"""The provider whose users are known by the `sub` of an assertion alone, whatever it looks like."""
PROVIDERS = ("saml", CLOUD_DIRECTORY, "facebook", "google", CUSTOM, "ibmid", "oidc")
"""The providers of identities."""
_BROUGHT_ID = re.compile(r"(?!\.\.?\Z)[!-~]{1,255}")

_PROFILES, _IDENTITIES = table_of(Profile), table_of(Identity)


@dataclass(frozen=True, slots=True)
class IdentityView:
    """An identity of a profile. `user_info` is what the provider said, a JSON object as text; it is empty for directory
    users, of whom the directory itself knows more (`profile_document`)."""

    provider: str
    id: str
    user_info: str
    expected: bool = False
    """Whether no one has signed in with this identity yet."""


@dataclass(frozen=True, slots=True)
class ProfileView:
    """A profile as it was read. `attributes` is a JSON object as text; times are UTC milliseconds."""

    id: str
    tenant_id: str
    anonymous: bool
    name: str
    email: str
    picture: str
    gender: str
    locale: str
    preferred_username: str
    attributes: str
    identities: tuple[IdentityView, ...] = ()

    def identity_at(self, provider: str) -> str:
        """The id of its identity at `provider`; empty if it has none there."""
        return next((identity.id for identity in self.identities if identity.provider == provider), "")


COLUMNS = [_PROFILES.c[name] for name in ProfileView.__slots__ if name in _PROFILES.c]
"""The columns that `profile_views` needs of each row, in addition to those of its identity."""
IDENTITY_COLUMNS = (_IDENTITIES.c.provider, _IDENTITIES.c.idp_id, _IDENTITIES.c.user_info, _IDENTITIES.c.expected)
OF_PROFILE = and_(
    _IDENTITIES.c.profile_id == _PROFILES.c.id, unindexed(_IDENTITIES.c.tenant_id) == _PROFILES.c.tenant_id
)
"""The condition that an identity belongs to a profile, which was chosen first."""
PROFILE_OF_IDENTITY = and_(
    _PROFILES.c.id == _IDENTITIES.c.profile_id, _PROFILES.c.tenant_id == unindexed(_IDENTITIES.c.tenant_id)
)
"""Conditions of the same kind, where the identities are chosen first. Said plainly, the tenant would be known of
profiles too, and SQLite, which often has no statistics, would look at every profile of it."""
_WHOLE = (
    select(*COLUMNS, *IDENTITY_COLUMNS)
    .select_from(_PROFILES.outerjoin(_IDENTITIES, OF_PROFILE))
    .where(_PROFILES.c.tenant_id == bindparam("of_tenant"))
    .order_by(_IDENTITIES.c.provider, _IDENTITIES.c.idp_id)
)
_FIND = prepared(_WHOLE.where(_PROFILES.c.id == bindparam("id")))
_KNOWN = _IDENTITIES.alias("known")
_NAMED = (
    _KNOWN.c.tenant_id == bindparam("of_tenant"),
    _KNOWN.c.provider == bindparam("provider"),
    _KNOWN.c.idp_id == bindparam("idp_id"),
)
_WITH_IDENTITY = prepared(_WHOLE.where(_PROFILES.c.id == select(_KNOWN.c.profile_id).where(*_NAMED).scalar_subquery()))
_OF_IDENTITY = prepared(select(_KNOWN.c.profile_id).where(*_NAMED))

_AT_DIRECTORY = select(_IDENTITIES.c.idp_id).where(
    _IDENTITIES.c.tenant_id == bindparam("of_tenant"),
    _IDENTITIES.c.profile_id == bindparam("of_profile"),
    _IDENTITIES.c.provider == CLOUD_DIRECTORY,
)


def find_profile(work: Work, tenant_id: str, profile_id: str) -> ProfileView | None:
    """The profile with its identities, or None: one query."""
    found = profile_views(work.rows(_FIND, {"of_tenant": tenant_id, "id": profile_id}))
    return found[0] if found else None


def profile_with(work: Work, tenant_id: str, provider: str, idp_id: str) -> ProfileView | None:
    """The profile to which an identity belongs, with all of them, or None: one query."""
    asked = {"of_tenant": tenant_id, "provider": provider, "idp_id": idp_id}
    found = profile_views(work.rows(_WITH_IDENTITY, asked))
    return found[0] if found else None


def get_profile(work: Work, tenant_id: str, profile_id: str) -> ProfileView:
    """The profile with its identities; raises PROFILE_NOT_FOUND."""
    found = find_profile(work, tenant_id, profile_id)
    if found is None:
        raise no_such_profile()
    return found


def profile_of(work: Work, tenant_id: str, provider: str, idp_id: str) -> str | None:
    """The id of the profile to which an identity belongs, or None."""
    row = work.row(_OF_IDENTITY, {"of_tenant": tenant_id, "provider": provider, "idp_id": idp_id})
    return row.profile_id if row else None


def directory_identities(work: Work, tenant_id: str, profile_id: str) -> list[str]:
    """Returns the directory ids of a profile; of one that waits for a user, the mail address."""
    return [row.idp_id for row in work.rows(_AT_DIRECTORY, {"of_tenant": tenant_id, "of_profile": profile_id})]


def directory_profile(work: Work, tenant_id: str, user_id: str) -> ProfileView:
    """The profile of a directory user; raises PROFILE_NOT_FOUND before its first sign-in."""
    return get_profile(work, tenant_id, profile_of(work, tenant_id, CLOUD_DIRECTORY, user_id) or "")


def profile_views(rows: Sequence[Row[Any]]) -> list[ProfileView]:
    """Rows of COLUMNS and IDENTITY_COLUMNS, one for each identity, as profiles in the order of the rows."""
    facts: dict[str, dict[str, Any]] = {}
    identities: dict[str, tuple[IdentityView, ...]] = {}
    for row in rows:
        known = row._asdict()
        facts.setdefault(row.id, {column.name: known[column.name] for column in COLUMNS})
        if row.provider is not None:
            identity = IdentityView(row.provider, row.idp_id, row.user_info, row.expected)
            identities[row.id] = (*identities.get(row.id, ()), identity)
    return [ProfileView(**known, identities=identities.get(profile_id, ())) for profile_id, known in facts.items()]


def delete_profile(work: Work, tenant_id: str, profile_id: str) -> None:
    """Deletes a profile with its identities, attributes and roles; a directory user stays. Raises PROFILE_NOT_FOUND."""
    if not work.run(delete(_PROFILES).where(_PROFILES.c.tenant_id == tenant_id, _PROFILES.c.id == profile_id)):
        raise no_such_profile()


def lock_profile(work: Work, tenant_id: str, profile_id: str) -> Profile:
    """The profile's row, held until the end of the transaction; raises PROFILE_NOT_FOUND."""
    profile = work.get(Profile, (tenant_id, profile_id), lock=True)
    if profile is None:
        raise no_such_profile()
    return profile


def no_such_profile() -> DomainError:
    """Returns the error for a profile that is not found: the same for an unknown profile id, a directory id, and a
    profile of another tenant."""
    return not_found("PROFILE_NOT_FOUND", "Profile not found")


def new_profile(
    work: Work, tenant_id: str, facts: Mapping[str, str], entropy: Entropy, now_ms: int, *, attributes: str = "{}",
    expires_at: int | None = None, brought_id: str = "",
) -> str:  # fmt: skip
    """The id of a new profile without identities; an anonymous one if it expires. `brought_id` is the id that it had on
    another server. Raises SUB_TAKEN."""
    row = profile_row(tenant_id, brought_id or new_id(entropy), facts, now_ms, is_brought=bool(brought_id))
    row |= {"attributes": attributes, "anonymous": expires_at is not None, "expires_at": expires_at}
    if not work.insert_new(_PROFILES, row):
        raise sub_taken(row["id"])
    return str(row["id"])


def check_profile_id(profile_id: str) -> str:
    """An id that a profile had on another server, where it was the `sub` of tokens (OpenID Connect Core §2: at most 255
    ASCII characters). Raises INVALID_SUB."""
    if not _BROUGHT_ID.fullmatch(profile_id):
        message = "sub must have 1 to 255 printable ASCII characters and no blanks."
        raise invalid("INVALID_SUB", message, scim_type="invalidValue")
    return profile_id


def sub_taken(profile_id: str) -> DomainError:
    """Another profile of the tenant has the id."""
    return conflict("SUB_TAKEN", f"Another profile has the sub {profile_id} already.", scim_type="uniqueness")


def profile_row(
    tenant_id: str, profile_id: str, facts: Mapping[str, str], now_ms: int, *, is_brought: bool = False
) -> dict[str, Any]:
    """Returns a new profile as it is stored.

    One whose id `is_brought` may have had a predecessor here: what that was given before now is dead.
    """
    return {
        **dict.fromkeys(("name", "email", "picture", "gender", "locale", "preferred_username"), ""), **facts,
        "id": profile_id, "tenant_id": tenant_id, "anonymous": False, "attributes": "{}",
        "tokens_valid_from": now_ms if is_brought else 0, "access_epoch": now_ms // 10_000 if is_brought else 0,
        "created_at": now_ms, "modified_at": now_ms, "expires_at": None,
    }  # fmt: skip


def add_identity(work: Work, tenant_id: str, profile_id: str, identity: IdentityView, email: str) -> bool:
    """Gives an identity to a profile; False when it belongs to one already. Of two at once exactly one gets True."""
    return work.insert_new(_IDENTITIES, identity_row(tenant_id, profile_id, identity, email))


def identity_row(tenant_id: str, profile_id: str, identity: IdentityView, email: str) -> dict[str, Any]:
    """An identity of a profile, as it is stored. `email` is what the provider gives for it; empty for none."""
    return {
        "tenant_id": tenant_id, "provider": identity.provider, "idp_id": identity.id, "profile_id": profile_id,
        "email_key": login_key(email), "user_info": identity.user_info, "expected": identity.expected,
    }  # fmt: skip


def directory_facts(display_name: str, email: str, user_name: str, locale: str) -> dict[str, str]:
    """The columns of a profile that the directory knows of its user."""
    return {"name": display_name, "email": email, "preferred_username": user_name, "locale": locale}
