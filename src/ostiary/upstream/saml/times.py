"""Times in SAML (Core §1.3.3): `xs:dateTime` in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ostiary.upstream.saml.documents import local_name
from ostiary.upstream.saml.refusals import malformed

if TYPE_CHECKING:
    from lxml.etree import _Element

SKEW_MS = 300_000
"""The difference that is accepted between our clock and that of the identity provider: five minutes, in both
directions, wherever a time is compared."""
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})?")


def moment(element: _Element, name: str) -> int:
    """The time in an attribute (UTC milliseconds). Raises SAML_MALFORMED."""
    found = _MOMENT.fullmatch(element.get(name, ""))
    try:
        at = datetime.fromisoformat(found[0] if found else "")
    except ValueError as error:
        raise malformed(f"{name} of {local_name(element)} must be a time such as 2026-01-31T12:00:00Z.") from error
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


def moment_or(element: _Element, name: str, default: int) -> int:
    """The same, or the default where there is no such attribute."""
    return default if element.get(name) is None else moment(element, name)
