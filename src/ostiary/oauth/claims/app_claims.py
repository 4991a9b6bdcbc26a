"""Claims of App ID tokens, and the further claims that a tenant maps into them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from ostiary.directory.roles.application_roles import role_names_of_profile
from ostiary.errors import invalid
from ostiary.http.json_text import read_for_tokens
from ostiary.oauth.claims.standard_claims import well_typed
from ostiary.oauth.claims.subjects import Subject, user_info
from ostiary.store.work import Work

IDENTITY_BYTES = 102_400
"""The limit of mapped claims in an identity token, as the vendor documents it."""
ACCESS_BYTES = 40_000
"""The limit of mapped claims in an access token, which is sent in a header: our own endpoints would refuse a larger
one."""
_RESERVED = frozenset({"iss", "aud", "sub", "iat", "exp", "amr", "tenant", "scope"})
"""The claims that a mapping may not replace. In an identity token `scope` would make it look like an access token; in
an access token `scope` can only be extended."""
_RESERVED_IN_IDENTITY = _RESERVED | {"identities", "oauth_client", "nonce", "auth_time", "acr", "sid"}
_MISSING = object()

Sources = Callable[[str], Any]
"""The data of a claim source by its name; None when the subject has none."""


@dataclass(frozen=True, slots=True)
class ClaimMapping:
    """A further claim of a token. `source_claim`: the name in the source, dots address nested values; of roles, empty.
    `destination`: the name in the token, dots build nested objects."""

    source: str
    source_claim: str
    destination: str


def identity_claims(subject: Subject) -> dict[str, Any]:
    """The normal claims of an identity token; what is not known is left out, for anonymous users all identities."""
    identities = [{"provider": identity.provider, "id": identity.id} for identity in subject.identities]
    return {**known_claims(subject), **({} if subject.anonymous else {"identities": identities})}


def known_claims(subject: Subject) -> dict[str, Any]:
    """Returns what is known of a subject without a further query, and whether its address is verified."""
    known = {
        "email": subject.email, "name": subject.name,
        "preferred_username": subject.preferred_username or subject.said.get("preferred_username"),
        "given_name": subject.given_name, "family_name": subject.family_name, "locale": subject.locale,
        "picture": subject.picture, "gender": subject.gender,
    }  # fmt: skip
    return {
        **{name: value for name, value in known.items() if value},
        "email_verified": subject.email_verified,
    }


def sources_of(work: Work, tenant_id: str, subject: Subject) -> Sources:
    """Returns the sources of mapped claims: the profile's attributes, its roles, and what its providers say of it."""

    @cache
    def source(name: str) -> Any:
        if name == "roles":
            return role_names_of_profile(work, tenant_id, subject.id)
        if name == "attributes":
            return read_for_tokens(subject.attributes)
        found = next((identity for identity in subject.identities if identity.provider == name), None)
        return user_info(work, found) if found else None

    return source


def map_identity_claims(claims: dict[str, Any], mappings: Sequence[ClaimMapping], sources: Sources) -> None:
    """Adds the mapped claims to an identity token's, in order, the later wins. Standard claims keep their type: a text
    "TRUE" becomes a boolean where one belongs, and what cannot be is left out."""
    _map(claims, mappings, sources, _RESERVED_IN_IDENTITY, IDENTITY_BYTES)


def map_access_claims(claims: dict[str, Any], mappings: Sequence[ClaimMapping], sources: Sources) -> None:
    """Adds the mapped claims to an access token's; `scope` may be extended, but not by App ID's own scopes."""
    _map(claims, mappings, sources, _RESERVED, ACCESS_BYTES)
    for mapping in mappings:
        if mapping.destination == "scope":
            more = _value(mapping, sources)
            words = more.split() if isinstance(more, str) else []
            scopes = [*claims["scope"].split(), *(word for word in words if not word.startswith(("appid_", "openid")))]
            claims["scope"] = " ".join(dict.fromkeys(scopes))


def _map(
    claims: dict[str, Any], mappings: Sequence[ClaimMapping], sources: Sources, reserved: frozenset[str], most: int
) -> None:  # fmt: skip
    mapped: dict[str, Any] = {}
    for mapping in mappings:
        path = mapping.destination.split(".")
        value = _MISSING if path[0] in reserved else _value(mapping, sources)
        if value is not _MISSING:
            _put(mapped, path, value)
    mapped = well_typed(mapped)
    if mapped and len(json.dumps(mapped)) > most:
        message = f"The claims that this tenant maps into a token exceed {most:,} bytes; map or store less."
        raise invalid("MAPPED_CLAIMS_TOO_LARGE", message, oauth_error="invalid_request")
    claims.update(mapped)


def _value(mapping: ClaimMapping, sources: Sources) -> Any:
    """The value in the source; dots address nested ones, an exact name with dots wins at each level: names of SAML
    attributes are URIs."""
    value = sources(mapping.source)
    if mapping.source == "roles":
        return value
    if not isinstance(value, dict):
        return _MISSING
    path = mapping.source_claim
    while path and isinstance(value, dict) and path not in value:
        first, _, path = path.partition(".")
        value = value.get(first)
    value = value.get(path) if path and isinstance(value, dict) else None if path else value
    return _MISSING if value is None else value


def _put(claims: dict[str, Any], path: Sequence[str], value: Any) -> None:
    for part in path[:-1]:
        inner = claims.get(part)
        claims[part] = inner if isinstance(inner, dict) else {}
        claims = claims[part]
    claims[path[-1]] = value
