"""Searched form of what describes a user and has no column of its own: JSON whose texts are in compared form."""

from __future__ import annotations

import json
from typing import Any

from ostiary.directory.users.input import Description
from ostiary.names import folded

EXACT = frozenset({("profileUrl",), ("photos", "value"), ("x509Certificates", "value"), ("manager", "value")})
"""The ends of the paths to texts whose case counts (RFC 7643 §4.1, §4.3)."""
_BARE = "{}"


def searched(description: Description) -> str:
    """The further attributes and the parts of the name, as JSON.

    Texts are in compared form; true, false and numbers are texts too, so that both databases read them alike. What no
    database can hold in JSON (NUL, half a surrogate pair) is left out.
    """
    name = dict(description.further.get("name", {}))
    parts = {
        "givenName": description.given_name, "familyName": description.family_name,
        "formatted": description.formatted_name,
    }  # fmt: skip
    name.update({part: value for part, value in parts.items() if value})
    document = {**description.further, "name": name} if name else description.further
    return json.dumps(_compared(document, ()), separators=(",", ":")) if document else _BARE


def _compared(value: Any, path: tuple[str, ...]) -> Any:
    match value:
        case dict():
            return {name: _compared(member, (*path, name)) for name, member in value.items() if member is not None}
        case list():
            return [_compared(each, path) for each in value]
        case bool():
            return "true" if value else "false"
        case str():
            kept = value if path[-2:] in EXACT or path in EXACT else folded(value)
            return kept.replace("\0", "").encode("utf-8", "ignore").decode()
        case _:
            return str(value)
