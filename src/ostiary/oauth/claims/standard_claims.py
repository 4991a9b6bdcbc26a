"""Standard claims of OpenID Connect Core §5.1 and registered claims of JSON Web Tokens: their types, and their values
as the directory or a provider knows them.

Relying parties written in typed languages refuse a whole token for one claim of another type, so none is issued.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from ostiary.directory.users.users import UserView
from ostiary.http.json_text import read_for_tokens

_TEXTS = (
    "name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile", "picture",
    "website", "email", "gender", "birthdate", "zoneinfo", "locale", "phone_number",
)  # fmt: skip
_FLAGS = ("email_verified", "phone_number_verified")
_REGISTERED_TEXTS = ("jti", "azp", "client_id", "sid", "acr", "nonce", "at_hash", "c_hash", "s_hash")
_REGISTERED_TIMES = ("nbf", "auth_time")
_REGISTERED_OBJECTS = ("act", "cnf", "events")
"""The claims of RFC 7519 §4.1 and its registry that are objects: a tenant may map them, and libraries read them by
themselves."""
LATEST_S = 253_402_300_799
"""The end of the year 9999: some languages have no later time."""
_ADDRESS = {
    "formatted": "formatted", "streetAddress": "street_address", "locality": "locality", "region": "region",
    "postalCode": "postal_code", "country": "country",
}  # fmt: skip
"""The parts of an address, in SCIM (RFC 7643 §4.1.2) and here (Core §5.1.1)."""


def well_typed(claims: Mapping[str, Any]) -> dict[str, Any]:
    """The claims, standard and registered ones in their type; those that cannot be are left out, like what is null."""
    typed = {name: _TYPES[name](value) if name in _TYPES else without_null(value) for name, value in claims.items()}
    return {name: value for name, value in typed.items() if value is not None}


def without_null(value: Any) -> Any:
    """The value without what is null in its objects and lists, however deep."""
    if isinstance(value, dict):
        return {name: without_null(member) for name, member in value.items() if member is not None}
    return [without_null(entry) for entry in value if entry is not None] if isinstance(value, list) else value


def _text(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return str(value)


def _flag(value: Any) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.strip().lower())
    return value if isinstance(value, bool) else None


def _seconds(value: Any) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16:
        value = int(value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return int(value) if is_number and 0 <= value <= LATEST_S else None


def _address(value: Any) -> dict[str, str] | None:
    parts = value.items() if isinstance(value, dict) else ()
    texts = {name: part for name, part in parts if name in _ADDRESS.values() and isinstance(part, str)}
    return texts or None


def _object(value: Any) -> dict[str, Any] | None:
    return without_null(value) if isinstance(value, dict) else None


_STANDARD: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(_TEXTS, _text), **dict.fromkeys(_FLAGS, _flag), "updated_at": _seconds, "address": _address,
}  # fmt: skip
_TYPES: Mapping[str, Callable[[Any], Any]] = {
    **_STANDARD, **dict.fromkeys(_REGISTERED_TEXTS, _text), **dict.fromkeys(_REGISTERED_TIMES, _seconds),
    **dict.fromkeys(_REGISTERED_OBJECTS, _object),
}  # fmt: skip
STANDARD = frozenset(_STANDARD)
"""The names of the standard claims, but for `sub`."""


@lru_cache(maxsize=1_024)
def said_claims(user_info: str) -> Mapping[str, Any]:
    """The standard claims in what a provider said, a JSON object. Remembered: a token asks for each of them."""
    return well_typed({name: value for name, value in read_for_tokens(user_info).items() if name in STANDARD})


@lru_cache(maxsize=1_024)
def directory_claims(user: UserView) -> Mapping[str, Any]:
    """Returns what the directory knows of a user, with contacts, in addition to the profile. Cached, since userinfo
    asks for it and encoding takes longer than reading."""
    further = user.further
    photo, place = _first(further, "photos"), _first(further, "addresses")
    phone = next((one for one in user.phones if one.primary), next(iter(user.phones), None))
    known: dict[str, Any] = {
        "given_name": user.given_name, "family_name": user.family_name,
        "middle_name": further.get("name", {}).get("middleName"), "nickname": further.get("nickName"),
        "profile": further.get("profileUrl"), "picture": photo.get("value"), "zoneinfo": further.get("timezone"),
        "updated_at": user.modified_at // 1000, "phone_number": phone.value if phone else None,
        "phone_number_verified": False if phone else None,
        "address": {ours: place[theirs] for theirs, ours in _ADDRESS.items() if place.get(theirs)},
    }  # fmt: skip
    return {name: value for name, value in well_typed(known).items() if value != ""}


def _first(further: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The primary entry of a list of RFC 7643 §2.4, else the first; an empty one where there is none."""
    entries: Sequence[Any] = further.get(name) or ()
    objects = [entry for entry in entries if isinstance(entry, dict)]
    return next((entry for entry in objects if entry.get("primary")), objects[0] if objects else {})
