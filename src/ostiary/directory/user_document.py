"""A directory user as a SCIM document (RFC 7643 §4.1): what the directory, as a provider, says of its user."""

from __future__ import annotations

from typing import Any

from ostiary.directory.users import UserView


def user_document(user: UserView) -> dict[str, Any]:
    """The user's attributes under their SCIM names; what is not known is left out."""
    further = user.further
    parts = {"givenName": user.given_name, "familyName": user.family_name, "formatted": user.formatted_name}
    name = {**further.get("name", {}), **{part: value for part, value in parts.items() if value}}
    known = {
        "userName": user.user_name, "displayName": user.display_name, "locale": user.locale, "name": name,
        "emails": [{"value": email.value, "primary": email.primary} for email in user.emails],
        "phoneNumbers": [{"value": phone.value, "type": phone.type} for phone in user.phones],
    }  # fmt: skip
    return {
        **further, "id": user.id, **{key: value for key, value in known.items() if value}, "active": user.active,
        "status": user.status,
    }  # fmt: skip
