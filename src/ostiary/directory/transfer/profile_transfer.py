"""Export and import of profiles, from one tenant to another.

Profiles of directory users are exported with their directory, except those that only wait for a mail address.
Anonymous profiles are not exported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Select, exists, select

from ostiary.directory.profiles.attributes import MAX_BYTES, attributes_text, check_attributes
from ostiary.directory.profiles.document import EXPECTED, profile_documents
from ostiary.directory.profiles.linking import hold_identities
from ostiary.directory.profiles.pre_registration import check_id, check_provider, identity_taken, is_known
from ostiary.directory.profiles.profiles import (
    CLOUD_DIRECTORY,
    CUSTOM,
    OF_PROFILE,
    IdentityView,
    add_identity,
    check_profile_id,
    new_profile,
)
from ostiary.directory.profiles.search import known_profiles, page_document, profile_page
from ostiary.directory.roles.application_roles import put_profile_roles, role_names_of_profiles, roles_by_name
from ostiary.errors import DomainError, invalid
from ostiary.http.json_text import check_json, read_json, write_json
from ostiary.http.page_bytes import fitting
from ostiary.http.paging import Page
from ostiary.ids import Entropy
from ostiary.names import email_key, is_text, name_key
from ostiary.store.pages import about_how_many, counted_rows
from ostiary.store.tables import Identity, Profile, table_of
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work

LARGEST = 50
"""Profiles in one export or import."""
MAX_IDENTITIES = 20
MAX_TEXT = 2_048
FACTS = ("name", "email", "picture", "gender", "locale", "preferred_username")
_NOT_SAID = frozenset({"provider", "id", "idpUserInfo", EXPECTED})
_PROFILES, _IDENTITIES = table_of(Profile), table_of(Identity)
_WAITS_FOR_ADDRESS = _IDENTITIES.c.expected & (_IDENTITIES.c.idp_id == _IDENTITIES.c.email_key)
_IS_DIRECTORYS = (_IDENTITIES.c.provider == CLOUD_DIRECTORY, ~_WAITS_FOR_ADDRESS)
_OF_DIRECTORY = exists().where(OF_PROFILE, *_IS_DIRECTORYS).correlate(_PROFILES)


@dataclass(frozen=True, slots=True)
class Carried:
    """A profile on its way into a tenant."""

    sub: str
    facts: Mapping[str, str]
    identities: Sequence[IdentityView]
    attributes: str
    role_ids: Sequence[str]


@dataclass(frozen=True, slots=True)
class RefusedProfile:
    """A profile that was not added: its id and its provider where it came from, as far as it says them, and why."""

    original_id: str
    provider: str
    error: DomainError


@dataclass(frozen=True, slots=True)
class ImportedProfiles:
    """Result of an import of profiles."""

    added: int
    refused: tuple[RefusedProfile, ...]


def export_profiles(work: Work, tenant: TenantView, asked: Page) -> dict[str, Any]:
    """Returns one page of profiles with all that belongs to them, oldest first; at most LARGEST, and no more than
    `fitting` allows."""
    page, chosen = replace(asked, size=min(asked.size, LARGEST)), [*known_profiles(tenant.id), ~_OF_DIRECTORY]
    counting = _counting_elsewhere(tenant.id)
    about = about_how_many(work, tenant, "profiles from elsewhere", counting)
    profiles, total = profile_page(work, chosen, page, about, counting)
    roles = role_names_of_profiles(work, tenant.id, [profile.id for profile in profiles])
    entries = [
        {**document, "idp": document["identities"][0]["provider"], "roles": roles.get(document["id"], [])}
        for document in profile_documents(work, tenant.id, profiles)
    ]
    return page_document(fitting(entries), total, page)


def _counting_elsewhere(tenant_id: str) -> Select[Any]:
    """Counts what is not of the directory by what is: a profile is of at most one directory user, and asking each
    profile takes twenty times as long."""
    of_directory = (_IDENTITIES.c.tenant_id == tenant_id, *_IS_DIRECTORYS)
    known, users = (
        counted_rows(table, *chosen).scalar_subquery()
        for table, chosen in ((_PROFILES, known_profiles(tenant_id)), (_IDENTITIES, of_directory))
    )
    return select((known - users).label("n"))


def import_profiles(work: Work, tenant_id: str, body: bytes, entropy: Entropy, now_ms: int) -> ImportedProfiles:
    """Adds the `users` of an export under new ids, or under the `sub` that an entry gives; how many were added, and
    which were not for what reason.

    Raises MALFORMED_JSON, USERS_MISSING, TOO_MANY_USERS; what is wrong with one of them is in the answer.
    """
    entries = _entries(body)
    hold_identities(work, tenant_id)
    roles, refused = roles_by_name(work, tenant_id), list[RefusedProfile]()
    for entry in entries:
        try:
            _add(work, tenant_id, _read(entry, roles), entropy, now_ms)
        except DomainError as error:
            refused.append(_refused(entry, error))
    return ImportedProfiles(len(entries) - len(refused), tuple(refused))


def _entries(body: bytes) -> list[Any]:
    document = read_json(body, checked=False)
    entries = document.get("users") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise invalid("USERS_MISSING", "The body must be what the export answers: a JSON object with a list of users.")
    if len(entries) > LARGEST:
        raise invalid("TOO_MANY_USERS", f"users takes at most {LARGEST} profiles at once.")
    return entries


def _add(work: Work, tenant_id: str, carried: Carried, entropy: Entropy, now_ms: int) -> None:
    email = carried.facts["email"]
    if any(is_known(work, tenant_id, each, _address_of(each, email)) for each in carried.identities):
        raise identity_taken()
    profile_id = new_profile(
        work, tenant_id, carried.facts, entropy, now_ms, attributes=carried.attributes, brought_id=carried.sub
    )
    for identity in carried.identities:
        add_identity(work, tenant_id, profile_id, identity, _address_of(identity, email))
    put_profile_roles(work, tenant_id, profile_id, carried.role_ids)


def _address_of(identity: IdentityView, email: str) -> str:
    """The address that an identity has at its provider: of a directory user who is expected, its name."""
    return identity.id if identity.provider == CLOUD_DIRECTORY else email


def _read(entry: Any, roles: Mapping[str, str]) -> Carried:
    check_json(entry)
    if not isinstance(entry, dict) or not isinstance(entry.get("id"), str):
        raise _bad("A user must be an object with the id that it had.")
    attributes, identities = entry.get("attributes"), entry.get("identities")
    if not isinstance(attributes, dict):
        raise _bad("attributes must be an object.")
    if not isinstance(identities, list) or not 1 <= len(identities) <= MAX_IDENTITIES:
        raise _bad(f"identities must hold 1 to {MAX_IDENTITIES} identities.")
    read = [_identity(identity) for identity in identities]
    if len({(identity.provider, identity.id) for identity in read}) < len(read):
        raise _bad("identities has the same identity twice.")
    facts = {name: _text(name, entry.get(name)) for name in FACTS}
    _text("idp", entry.get("idp"))
    role_ids = _role_ids([] if entry.get("roles") is None else entry["roles"], roles)
    sub = _text("sub", entry.get("sub"))
    return Carried(
        check_profile_id(sub) if sub else "", facts, read, attributes_text(check_attributes(attributes)), role_ids
    )


def _identity(identity: Any) -> IdentityView:
    """An identity with what its provider said: in `idpUserInfo`, or beside the other members."""
    if not isinstance(identity, dict):
        raise _bad("An identity must be an object.")
    provider, idp_id = check_provider(identity.get("provider")), check_id("identities.id", identity.get("id"))
    expected = identity.get(EXPECTED) is True
    if provider == CLOUD_DIRECTORY and (not expected or "@" not in idp_id):
        raise _bad("Users of the Cloud Directory are imported with their directory.")
    if expected and provider != CUSTOM and "@" in idp_id:
        idp_id = email_key(idp_id)
    beside = {name: value for name, value in identity.items() if name not in _NOT_SAID}
    said = identity.get("idpUserInfo", beside)
    if not isinstance(said, dict):
        raise _bad("idpUserInfo must be an object.")
    user_info = write_json({name: value for name, value in said.items() if name != "idpType"}, escaped=False)
    if not is_text(user_info) or len(user_info.encode()) > MAX_BYTES:
        raise _bad(f"idpUserInfo must be text of at most {MAX_BYTES} bytes as JSON.")
    return IdentityView(provider, idp_id, user_info, expected=expected)


def _text(name: str, value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > MAX_TEXT or not is_text(value):
        raise _bad(f"{name} must be text of at most {MAX_TEXT} characters.")
    return value


def _role_ids(names: Any, roles: Mapping[str, str]) -> list[str]:
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise _bad("roles must be a list of names.")
    unknown = [name for name in names if name_key(name) not in roles]
    if unknown:
        raise _bad(f"There is no role {unknown[0]!r:.100} here.")
    return list(dict.fromkeys(roles[name_key(name)] for name in names))


def _refused(entry: Any, error: DomainError) -> RefusedProfile:
    known = entry if isinstance(entry, dict) else {}
    identities = known.get("identities")
    first = identities[0] if isinstance(identities, list) and identities else {}
    provider = first.get("provider") if isinstance(first, dict) else None
    original_id, idp = (_shown(name) for name in (known.get("id"), provider or known.get("idp")))
    return RefusedProfile(original_id, idp, error)


def _shown(value: Any) -> str:
    return value if isinstance(value, str) and is_text(value) else ""


def _bad(message: str) -> DomainError:
    return invalid("INVALID_PROFILE", message)
