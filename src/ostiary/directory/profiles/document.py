"""Profiles as callers see them: JSON without a fixed form, so it is written here and not by a message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ostiary.directory.profiles.attributes import stored_attributes
from ostiary.directory.profiles.profiles import CLOUD_DIRECTORY, IdentityView, ProfileView
from ostiary.directory.users.document import user_document
from ostiary.directory.users.users import UserView, find_users
from ostiary.http.json_text import read_json
from ostiary.store.work import Work

EXPECTED = "preRegistered"
"""Marks an identity with which nobody has signed in yet."""


def profile_documents(work: Work, tenant_id: str, profiles: Sequence[ProfileView]) -> list[dict[str, Any]]:
    """Returns whole profiles; the directory users behind them are read at once, however many profiles there are."""
    users = _users_behind(work, tenant_id, profiles)
    return [
        {
            "id": profile.id,
            **_known(profile),
            "identities": [_identity(identity, users) for identity in profile.identities],
            "attributes": stored_attributes(profile.attributes),
        }
        for profile in profiles
    ]


def userinfo_document(work: Work, tenant_id: str, profile: ProfileView) -> dict[str, Any]:
    """A profile as `cloud_directory/{user_id}/userinfo` answers it: the profile id as `sub`, identities, attributes."""
    (document,) = profile_documents(work, tenant_id, [profile])
    return {"sub": profile.id, "identities": document["identities"], "attributes": document["attributes"]}


def _users_behind(work: Work, tenant_id: str, profiles: Sequence[ProfileView]) -> dict[str, UserView]:
    return find_users(work, tenant_id, [user_id for one in profiles if (user_id := one.identity_at(CLOUD_DIRECTORY))])


def _known(profile: ProfileView) -> dict[str, str]:
    names = ("name", "email", "preferred_username", "picture", "gender", "locale")
    return {name: value for name in names if (value := getattr(profile, name))}


def _identity(identity: IdentityView, users: Mapping[str, UserView]) -> dict[str, Any]:
    """Returns what the directory says of its user, or what another provider said at sign-in."""
    user = users.get(identity.id) if identity.provider == CLOUD_DIRECTORY else None
    said = user_document(user) if user else read_json(identity.user_info.encode())
    return {
        "provider": identity.provider, "id": identity.id, "idpUserInfo": {**said, "idpType": identity.provider},
        **({EXPECTED: True} if identity.expected else {}),
    }  # fmt: skip
