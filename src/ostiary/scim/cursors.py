"""Cursors of lists (RFC 9865): where the next page begins, in a text that only the server reads."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from ostiary.errors import DomainError, invalid

MAX_LENGTH = 2_048


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last resource of a page: the value by which it is sorted, and its id; and how many match in all."""

    key: Any
    id: str
    total: int


def write_cursor(cursor: Cursor, *asked: str) -> str:
    """A cursor for the next page of a list; `asked` is all that says which list it is."""
    said = json.dumps([_list(asked), cursor.key, cursor.id, cursor.total], separators=(",", ":"))
    return base64.urlsafe_b64encode(said.encode()).decode().rstrip("=")


def read_cursor(text: str, *asked: str) -> Cursor:
    """The cursor that `write_cursor` wrote for the same list; raises INVALID_CURSOR for any other text."""
    try:
        said = base64.b64decode(f"{text[:MAX_LENGTH]}{'=' * (-len(text) % 4)}", altchars=b"-_", validate=True)
        of_list, key, last, total = json.loads(said)
    except (ValueError, TypeError, RecursionError) as error:
        raise _wrong() from error
    known = isinstance(key, str | int) and isinstance(last, str) and isinstance(total, int)
    if not known or of_list != _list(asked) or "\0" in f"{key}{last}" or not 0 <= total < 1 << 31:
        raise _wrong()
    if isinstance(key, int) and abs(key) >= 1 << 62:
        raise _wrong()
    return Cursor(key, last, total)


def _list(asked: tuple[str, ...]) -> str:
    return hashlib.sha256("\0".join(asked).encode("utf-8", "replace")).hexdigest()[:16]


def _wrong() -> DomainError:
    message = "cursor must be the nextCursor of an answer to the same request; begin again with an empty one."
    return invalid("INVALID_CURSOR", message, scim_type="invalidCursor")
