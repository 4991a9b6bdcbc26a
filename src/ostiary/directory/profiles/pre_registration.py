"""Pre-registration: profiles that an administrator creates before their users first sign in."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from ostiary.directory.profiles.attributes import attributes_text, check_attributes
from ostiary.directory.profiles.linking import hold_identities
from ostiary.directory.profiles.profiles import (
    CLOUD_DIRECTORY,
    CUSTOM,
    PROVIDERS,
    IdentityView,
    add_identity,
    new_profile,
    profile_of,
)
from ostiary.errors import DomainError, conflict, invalid
from ostiary.http.json_text import read_json
from ostiary.ids import Entropy
from ostiary.names import email_key, is_text, login_key
from ostiary.store.tables import Identity, table_of
from ostiary.store.work import Work

MAX_ID = 256
_IDENTITIES = table_of(Identity)


def pre_register(work: Work, tenant_id: str, body: bytes, entropy: Entropy, now_ms: int) -> str:
    """The id of a new profile that waits for the identity which the JSON object `body` names.

    Raises MALFORMED_JSON, INVALID_PROVIDER, INVALID_IDENTITY, INVALID_EMAIL, INVALID_PROFILE, INVALID_ATTRIBUTE_NAME,
    ATTRIBUTES_TOO_LARGE, PROFILE_EXISTS (409).
    """
    document = read_json(body)
    if not isinstance(document, dict):
        raise invalid("MALFORMED_JSON", 'The body must be a JSON object with "idp" and "idp-identity".')
    provider, name = check_provider(document.get("idp")), check_id("idp-identity", document.get("idp-identity"))
    attributes = _attributes(document.get("profile"))
    email = name if provider != CUSTOM and "@" in name else ""
    identity = IdentityView(provider, email_key(email) if email else name, "{}", expected=True)
    hold_identities(work, tenant_id)
    if is_known(work, tenant_id, identity, email):
        raise identity_taken()
    profile_id = new_profile(work, tenant_id, {"email": email}, entropy, now_ms, attributes=attributes)
    add_identity(work, tenant_id, profile_id, identity, email)
    return profile_id


def expected_user(body: bytes) -> str:
    """The directory id or mail address of the directory user whom `body` names; empty if it names none."""
    try:
        document = read_json(body)
    except DomainError:
        return ""
    named = isinstance(document, dict) and document.get("idp") == CLOUD_DIRECTORY
    name = document.get("idp-identity") if named else ""
    return name if isinstance(name, str) else ""


def is_known(work: Work, tenant_id: str, identity: IdentityView, email: str) -> bool:
    """Whether an identity, whose address at its provider is `email`, has a profile: by its id, or where either of the
    two is only expected, by the address."""
    if profile_of(work, tenant_id, identity.provider, identity.id) is not None:
        return True
    at, key = (_IDENTITIES.c.tenant_id == tenant_id, _IDENTITIES.c.provider == identity.provider), login_key(email)
    if not key:
        return False
    by_address = select(_IDENTITIES.c.profile_id).where(*at, _IDENTITIES.c.email_key == key)
    return work.row(by_address if identity.expected else by_address.where(_IDENTITIES.c.expected)) is not None


def check_provider(provider: Any) -> str:
    """The name of a provider; raises INVALID_PROVIDER."""
    if provider not in PROVIDERS:
        raise invalid("INVALID_PROVIDER", f"The identity provider must be one of {', '.join(PROVIDERS)}.")
    return str(provider)


def check_id(field: str, value: Any) -> str:
    """Checks a user's id or address at a provider; raises INVALID_IDENTITY."""
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_ID or not value.isprintable() or not is_text(value):
        raise invalid("INVALID_IDENTITY", f"{field} must be text of 1 to {MAX_ID} printable characters.")
    return value


def identity_taken() -> DomainError:
    """409: what is to be registered is there already."""
    return conflict("PROFILE_EXISTS", "The user already exists.")


def _attributes(profile: Any) -> str:
    """Returns what `profile` holds: `attributes`, or nothing."""
    attributes = profile.get("attributes", {}) if isinstance(profile, dict) else profile
    if attributes is None:
        return "{}"
    if not isinstance(attributes, dict):
        raise invalid("INVALID_PROFILE", 'profile must be an object such as {"attributes": {"points": "150"}}.')
    return attributes_text(check_attributes(attributes))
