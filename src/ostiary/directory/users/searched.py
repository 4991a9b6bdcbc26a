"""Searched form of what describes a user and has no column of its own: JSON whose texts are in compared form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ostiary.directory.users.input import ENTERPRISE, Description
from ostiary.names import folded
from ostiary.store.tables.columns import LONGEST_SEARCHED

EXACT = frozenset({("profileUrl",), ("photos", "value"), ("x509Certificates", "value"), ("manager", "value")})
"""The ends of the paths to texts whose case counts (RFC 7643 §4.1, §4.3)."""
_BARE = "{}"
FOUND_BY: Mapping[str, tuple[str, ...]] = {
    "given_name_key": ("name", "givenName"), "family_name_key": ("name", "familyName"), "title_key": ("title",),
    "department_key": (ENTERPRISE, "department"), "employee_number_key": (ENTERPRISE, "employeeNumber"),
}  # fmt: skip
"""Attributes that have an index: the column, and the path in the JSON."""


def searched(description: Description) -> dict[str, Any]:
    """The columns by which users are found: `searched` has the further attributes and the parts of the name, as JSON.

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
    compared = _compared(document, ())
    text = json.dumps(compared, separators=(",", ":")) if document else _BARE
    return {"searched": text, **{column: _beginning(compared, path) for column, path in FOUND_BY.items()}}


def _beginning(compared: Any, path: tuple[str, ...]) -> str | None:
    """What the column of an attribute holds; None where it is absent, or no text."""
    for name in path:
        compared = compared.get(name) if isinstance(compared, dict) else None
    return compared[:LONGEST_SEARCHED] if isinstance(compared, str) else None


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
