"""Profiles that were pre-registered for users who are imported many at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import bindparam, delete, select, update

from ostiary.directory.profiles.attributes import attributes_text, stored_attributes
from ostiary.directory.profiles.linking import address_proves, share_identities
from ostiary.directory.profiles.profiles import CLOUD_DIRECTORY, PROFILE_OF_IDENTITY
from ostiary.names import login_key
from ostiary.store.tables import Identity, Profile, ProfileRole, table_of
from ostiary.store.work import Work

_PROFILES, _IDENTITIES, _PROFILE_ROLES = table_of(Profile), table_of(Identity), table_of(ProfileRole)
_EXPECTED = (
    _IDENTITIES.c.tenant_id == bindparam("of_tenant"),
    _IDENTITIES.c.provider == CLOUD_DIRECTORY,
    _IDENTITIES.c.idp_id.in_(bindparam("keys", expanding=True)),
    _IDENTITIES.c.expected,
)
_FIND = (
    select(_PROFILES.c.id, _PROFILES.c.attributes, _IDENTITIES.c.idp_id)
    .where(*_EXPECTED, PROFILE_OF_IDENTITY)
    .order_by(_PROFILES.c.id)  # every transaction locks them in this order
    .with_for_update(of=_PROFILES)
)  # fmt: skip
_ROLES = select(_PROFILE_ROLES.c.profile_id, _PROFILE_ROLES.c.role_id).where(
    _PROFILE_ROLES.c.tenant_id == bindparam("of_tenant"),
    _PROFILE_ROLES.c.profile_id.in_(bindparam("of_profiles", expanding=True)),
)
_ARRIVED = delete(_IDENTITIES).where(*_EXPECTED)
_GIVEN = update(_PROFILES).where(
    _PROFILES.c.tenant_id == bindparam("of_tenant"), _PROFILES.c.id == bindparam("of_profile")
)


@dataclass(slots=True)
class WaitingProfile:
    """A profile that waits for the user with a certain address. `attributes` is a JSON object as text."""

    id: str
    key: str
    attributes: str
    role_ids: set[str] = field(default_factory=set)

    def with_attributes(self, brought: str) -> str:
        """Returns its attributes, and those of the user's that it does not have. Raises ATTRIBUTES_TOO_LARGE."""
        return attributes_text({**stored_attributes(brought), **stored_attributes(self.attributes)})


def waiting_profiles(work: Work, tenant_id: str, addresses: Sequence[str]) -> dict[str, WaitingProfile]:
    """The profiles that wait for users with these confirmed mail addresses, by `login_key`; held until commit."""
    share_identities(work, tenant_id)
    if not addresses or not address_proves(work, tenant_id, CLOUD_DIRECTORY):
        return {}
    asked = {"of_tenant": tenant_id, "keys": [login_key(address) for address in addresses]}
    found = {row.id: WaitingProfile(row.id, row.idp_id, row.attributes) for row in work.rows(_FIND, asked)}
    if found:
        for row in work.rows(_ROLES, {"of_tenant": tenant_id, "of_profiles": list(found)}):
            found[row.profile_id].role_ids.add(row.role_id)
    return {profile.key: profile for profile in found.values()}


def give_profiles(work: Work, tenant_id: str, given: Sequence[tuple[WaitingProfile, Mapping[str, Any]]]) -> None:
    """Ends the waiting of profiles, and sets in each the columns of the user who gets it; the caller adds the
    identity."""
    if given:
        work.run(_ARRIVED, {"of_tenant": tenant_id, "keys": [profile.key for profile, _ in given]})
        work.run(_GIVEN, [{**columns, "of_tenant": tenant_id, "of_profile": profile.id} for profile, columns in given])
