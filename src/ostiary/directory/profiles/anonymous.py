"""Anonymous profiles: attributes are stored for a visitor who has not signed in yet.

An anonymous profile has no identity. It is kept as long as a token for it can be valid. When its holder signs in with
an identity that is new here, the profile becomes the profile of that identity.
"""

from __future__ import annotations

from sqlalchemy import bindparam, case, update

from ostiary.directory.profiles.profiles import new_profile
from ostiary.ids import Entropy
from ostiary.store.tables import Profile, table_of
from ostiary.store.work import Work

ANONYMOUS = "appid_anon"
"""The provider that asks for nothing: in `idp` and in `amr`."""

_PROFILES = table_of(Profile)
_KEEP = (
    update(_PROFILES)
    .where(_PROFILES.c.tenant_id == bindparam("of_tenant"), _PROFILES.c.id == bindparam("of_profile"))
    .where(_PROFILES.c.anonymous)
    .values(
        expires_at=case(
            (_PROFILES.c.expires_at > bindparam("until_ms"), _PROFILES.c.expires_at), else_=bindparam("until_ms")
        )
    )
)


def new_anonymous_profile(work: Work, tenant_id: str, entropy: Entropy, now_ms: int, until_ms: int) -> str:
    """Creates an anonymous profile, which expires at `until_ms` unless it is extended; returns its id."""
    return new_profile(work, tenant_id, {}, entropy, now_ms, expires_at=until_ms)


def keep_anonymous_profile(work: Work, tenant_id: str, profile_id: str, until_ms: int) -> bool:
    """Extends the profile until `until_ms` at least; False when it is no longer anonymous, or deleted.

    Locks the profile until commit, so that no sign-in takes it over meanwhile.
    """
    facts = {"of_tenant": tenant_id, "of_profile": profile_id, "until_ms": until_ms}
    return work.run(_KEEP, facts) == 1
