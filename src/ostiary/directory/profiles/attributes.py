"""Custom attributes of profiles: JSON of any form under names, at most 100 KB for each profile."""

from __future__ import annotations

from typing import Any

from ostiary.directory.profiles.attribute_storage import USERS_PROFILE
from ostiary.directory.profiles.profiles import get_profile, lock_profile
from ostiary.errors import DomainError, denied, invalid, limited, not_found
from ostiary.http.json_text import read_json, write_json
from ostiary.store.counters import ExactLimit, count_exactly
from ostiary.store.tables import Profile
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work

MAX_BYTES = 102_400
"""The limit of all attributes of a profile together, as compact JSON in UTF-8."""
MAX_NAME = 256
Attributes = dict[str, Any]


def attributes_of(work: Work, tenant_id: str, profile_id: str) -> Attributes:
    """All attributes of a profile. Raises PROFILE_NOT_FOUND."""
    return stored_attributes(get_profile(work, tenant_id, profile_id).attributes)


def stored_attributes(text: str) -> Attributes:
    """Returns attributes as they are stored."""
    attributes: Attributes = read_json(text.encode())
    return attributes


def attribute_of(work: Work, tenant_id: str, profile_id: str, name: str) -> Attributes:
    """Returns one attribute by its name. Raises ATTRIBUTE_NOT_FOUND."""
    attributes = attributes_of(work, tenant_id, profile_id)
    if name not in attributes:
        raise _no_such_attribute()
    return {name: attributes[name]}


def replace_attributes(work: Work, tenant_id: str, profile_id: str, body: bytes, now_ms: int) -> None:
    """Puts the member `attributes` of the JSON object `body` in place of all attributes.

    Raises PROFILE_NOT_FOUND, MALFORMED_JSON, ATTRIBUTES_MISSING, INVALID_ATTRIBUTE_NAME, ATTRIBUTES_TOO_LARGE.
    """
    profile = lock_profile(work, tenant_id, profile_id)
    document = read_json(body)
    attributes = document.get("attributes") if isinstance(document, dict) else None
    _store(work, profile, check_attributes(attributes), now_ms)


def check_attributes(attributes: Any) -> Attributes:
    """Returns its argument, or raises ATTRIBUTES_MISSING, INVALID_ATTRIBUTE_NAME."""
    if not isinstance(attributes, dict):
        raise invalid("ATTRIBUTES_MISSING", 'The body must be a JSON object such as {"attributes": {"points": "150"}}.')
    for name in attributes:
        _check_name(name)
    return attributes


class OwnAttributes:
    """Changes that users make to the attributes of their own profiles; their number in a minute is limited."""

    def __init__(self, limit: ExactLimit) -> None:
        self._limit = limit

    def put(
        self, work: Work, tenant: TenantView, profile_id: str, name: str, content_type: str, body: bytes, now_ms: int
    ) -> Attributes:
        """Writes one attribute. Raises USERS_PROFILE_INACTIVE (403), INVALID_ATTRIBUTE_NAME, INVALID_ATTRIBUTE_VALUE,
        ATTRIBUTES_TOO_LARGE, TOO_MANY_ATTRIBUTE_WRITES (429)."""
        if not USERS_PROFILE.read(work, tenant):
            raise denied("USERS_PROFILE_INACTIVE", "This tenant stores no custom attributes.")
        self._count(work, tenant.id, f"update:{profile_id}", now_ms)
        _check_name(name)
        value = bare_value(content_type, body)
        # All attributes are one document: lock, then read, then change, or of two writers at once one is lost.
        profile = lock_profile(work, tenant.id, profile_id)
        _store(work, profile, {**stored_attributes(profile.attributes), name: value}, now_ms)
        return {name: value}

    def delete(self, work: Work, tenant_id: str, profile_id: str, name: str, now_ms: int) -> None:
        """Deletes one attribute. Raises ATTRIBUTE_NOT_FOUND, TOO_MANY_ATTRIBUTE_WRITES (429)."""
        self._count(work, tenant_id, f"delete:{profile_id}", now_ms)
        profile = lock_profile(work, tenant_id, profile_id)
        attributes = stored_attributes(profile.attributes)
        if name not in attributes:
            raise _no_such_attribute()
        del attributes[name]
        _store(work, profile, attributes, now_ms)

    def _count(self, work: Work, tenant_id: str, subject: str, now_ms: int) -> None:
        wait = count_exactly(work, tenant_id, self._limit, subject, now_ms)
        if wait:
            message = f"Too many changes of attributes; wait {wait} seconds and repeat."
            raise limited("TOO_MANY_ATTRIBUTE_WRITES", message, wait, keep_changes=True)


def bare_value(content_type: str, body: bytes) -> Any:
    """Returns a request's body as an attribute: its text. SDKs send bare text and call it JSON, so only a body that can
    be nothing but JSON is parsed: an object, an array or a string, under a JSON content type."""
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise invalid("INVALID_ATTRIBUTE_VALUE", "The value must be text in UTF-8.") from error
    kind = content_type.partition(";")[0].strip().lower()
    if kind.endswith("json") and text.lstrip()[:1] in ("{", "[", '"'):
        try:
            return read_json(body)
        except DomainError:  # then it is text that begins so
            return text
    return text


def attributes_text(attributes: Attributes) -> str:
    """Attributes as they are stored. Raises ATTRIBUTES_TOO_LARGE."""
    if len(write_json(attributes, escaped=False).encode()) > MAX_BYTES:
        message = f"The attributes of a user have at most {MAX_BYTES} bytes as JSON; these would have more."
        raise invalid("ATTRIBUTES_TOO_LARGE", message)
    return write_json(attributes)


def _store(work: Work, profile: Profile, attributes: Attributes, now_ms: int) -> None:
    profile.attributes, profile.modified_at = attributes_text(attributes), now_ms
    work.flush()


def _check_name(name: str) -> None:
    if not 1 <= len(name) <= MAX_NAME:
        raise invalid("INVALID_ATTRIBUTE_NAME", f"The name of an attribute has 1 to {MAX_NAME} characters.")


def _no_such_attribute() -> DomainError:
    return not_found("ATTRIBUTE_NOT_FOUND", "Not found")
