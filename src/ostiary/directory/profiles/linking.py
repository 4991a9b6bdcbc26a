"""Profile linking: a user who signs in gets the profile of the identity used. At the first sign-in this is a profile
that waits for the user, or a new one.

A profile can wait for a user in two ways: an administrator has pre-registered it, or the user was anonymous until now.
The pre-registered one has priority: its identity is known, and an anonymous profile is not merged into another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, select, update

from ostiary.directory.profiles.profiles import (
    CLOUD_DIRECTORY,
    IdentityView,
    ProfileView,
    add_identity,
    delete_profile,
    directory_facts,
    get_profile,
    new_profile,
    no_such_profile,
    profile_of,
    profile_with,
)
from ostiary.directory.signin.admission import SignedIn
from ostiary.directory.users import cloud_directory
from ostiary.ids import Entropy
from ostiary.names import login_key
from ostiary.store.tables import Identity, Profile, Tenant, table_of
from ostiary.store.work import Work

_PROFILES, _IDENTITIES, _TENANTS = table_of(Profile), table_of(Identity), table_of(Tenant)
_HOLD = select(_TENANTS.c.id).where(_TENANTS.c.id == bindparam("of_tenant"))
_SHARED, _ALONE = _HOLD.with_for_update(read=True, key_share=True), _HOLD.with_for_update()
_ONE = (
    _IDENTITIES.c.tenant_id == bindparam("of_tenant"),
    _IDENTITIES.c.provider == bindparam("at_provider"),
    _IDENTITIES.c.idp_id == bindparam("its_id"),
)
_EXPECTED = select(_IDENTITIES.c.profile_id).where(*_ONE, _IDENTITIES.c.expected).with_for_update()
_ARRIVED = delete(_IDENTITIES).where(*_ONE)
_SAID = (
    update(_IDENTITIES)
    .where(*_ONE)
    .values(user_info=bindparam("said"), email_key=bindparam("key"), expected=False)
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Arrival:
    """A user who has just signed in with a provider.

    `facts` are the columns of the profile that the provider knows. `proved_email` is the address whose mail the
    provider is sure that the user can read. `anonymous_id` is the anonymous profile that the user had until now. The
    last two may be empty.
    """

    identity: IdentityView
    facts: Mapping[str, str]
    proved_email: str = ""
    anonymous_id: str = ""


def profile_at_sign_in(work: Work, signed_in: SignedIn, entropy: Entropy, now_ms: int) -> ProfileView:
    """The profile of a directory user, made at its first sign-in and kept like the directory at every later one."""
    return profile_of_identity(work, signed_in.tenant_id, arrival_of(signed_in), entropy, now_ms)


def arrival_of(signed_in: SignedIn, anonymous_id: str = "") -> Arrival:
    """Returns what the directory says of a user who has just signed in."""
    facts = directory_facts(signed_in.display_name, signed_in.email, signed_in.user_name, signed_in.locale)
    identity = IdentityView(CLOUD_DIRECTORY, signed_in.user_id, "{}")
    return Arrival(identity, facts, signed_in.email if signed_in.email_verified else "", anonymous_id)


def profile_of_identity(work: Work, tenant_id: str, arrival: Arrival, entropy: Entropy, now_ms: int) -> ProfileView:
    """Returns the profile of a user who has just signed in: found, or created the first time; what the provider says is
    stored at every later sign-in."""
    identity, facts = arrival.identity, arrival.facts
    found = profile_with(work, tenant_id, identity.provider, identity.id) or get_profile(
        work, tenant_id, _first_sign_in(work, tenant_id, arrival, entropy, now_ms)
    )
    changed = any(getattr(found, name) != value for name, value in facts.items())
    if changed:
        of_profile = (_PROFILES.c.tenant_id == tenant_id, _PROFILES.c.id == found.id)
        work.run(update(_PROFILES).where(*of_profile).values(**facts, modified_at=now_ms))
    if changed or identity not in found.identities:
        said = {"said": identity.user_info, "key": login_key(facts.get("email", ""))}
        work.run(_SAID, {**_named(tenant_id, identity.provider, identity.id), **said})
        found = get_profile(work, tenant_id, found.id)
    return found


def share_identities(work: Work, tenant_id: str) -> None:
    """Makes callers of `hold_identities` wait until commit, and nobody else. Call it before the question whether a
    profile waits for a user who then gets an identity."""
    work.row(_SHARED, {"of_tenant": tenant_id})


def address_proves(work: Work, tenant_id: str, provider: str) -> bool:
    """Whether a confirmed address identifies a user. In a directory whose users sign in by name it does not."""
    if provider != CLOUD_DIRECTORY:
        return True
    return cloud_directory.CLOUD_DIRECTORY.load(work, tenant_id).identity_field == "email"


def hold_identities(work: Work, tenant_id: str) -> None:
    """Keeps first sign-ins of a tenant waiting until commit: who looks for an identity by its mail address, and adds
    one, must not overlook another that is just being made.

    First sign-ins do not disturb each other: their identities have ids, which no two can get.
    """
    work.row(_ALONE, {"of_tenant": tenant_id})


def _first_sign_in(work: Work, tenant_id: str, arrival: Arrival, entropy: Entropy, now_ms: int) -> str:
    """The profile for a new identity. Of two first sign-ins at once one makes or gets it, and both have it."""
    identity = arrival.identity
    share_identities(work, tenant_id)
    prepared = _pre_registered(work, tenant_id, arrival)
    anonymous = None if prepared else _anonymous(work, tenant_id, arrival.anonymous_id)
    waiting = prepared or (anonymous.id if anonymous else "")
    profile_id = waiting or new_profile(work, tenant_id, arrival.facts, entropy, now_ms)
    if not add_identity(work, tenant_id, profile_id, identity, arrival.facts.get("email", "")):
        if not waiting:
            delete_profile(work, tenant_id, profile_id)
        return _of_the_other(work, tenant_id, identity)
    if prepared:
        work.run(_ARRIVED, _named(tenant_id, identity.provider, login_key(arrival.proved_email)))
    if anonymous:
        anonymous.anonymous, anonymous.expires_at = False, None
        work.flush()
    return profile_id


def _pre_registered(work: Work, tenant_id: str, arrival: Arrival) -> str:
    """Returns the profile that waits for the user who reads the mail of an address; empty if there is none."""
    provider = arrival.identity.provider
    if not arrival.proved_email or not address_proves(work, tenant_id, provider):
        return ""
    row = work.row(_EXPECTED, _named(tenant_id, provider, login_key(arrival.proved_email)))
    return row.profile_id if row else ""


def _anonymous(work: Work, tenant_id: str, profile_id: str) -> Profile | None:
    """Returns the anonymous profile, locked until commit; None when it has an identity by now, or is deleted."""
    profile = work.get(Profile, (tenant_id, profile_id), lock=True) if profile_id else None
    return profile if profile is not None and profile.anonymous else None


def _of_the_other(work: Work, tenant_id: str, identity: IdentityView) -> str:
    """The profile that another sign-in with this identity, at the same time, got first."""
    profile_id = profile_of(work, tenant_id, identity.provider, identity.id)
    if profile_id is None:  # made and deleted again between two statements of ours
        raise no_such_profile()
    return profile_id


def _named(tenant_id: str, provider: str, idp_id: str) -> dict[str, str]:
    return {"of_tenant": tenant_id, "at_provider": provider, "its_id": idp_id}
