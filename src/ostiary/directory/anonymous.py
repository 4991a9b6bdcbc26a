"""Anonymous profiles: somebody who has not said who he is, but whose attributes are kept.

A profile without an identity. It lives as long as somebody can hold a token of it; when its holder signs in with an
identity that is new, it becomes that identity's profile.
"""

from __future__ import annotations

from sqlalchemy import bindparam, case, update

from ostiary.directory.profiles import new_profile
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
    """The id of a new anonymous profile that goes after `until_ms` unless it is kept longer."""
    return new_profile(work, tenant_id, {}, entropy, now_ms, expires_at=until_ms)


def keep_anonymous_profile(work: Work, tenant_id: str, profile_id: str, until_ms: int) -> bool:
    """Keeps the profile until `until_ms` at least; False when it is anonymous no longer, or gone.

    Holds the profile until commit, so that nobody identifies himself as it meanwhile.
    """
    facts = {"of_tenant": tenant_id, "of_profile": profile_id, "until_ms": until_ms}
    return work.run(_KEEP, facts) == 1
