"""An error as a REST client sees it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """Status, content type, body in ASCII (it travels as a header to the gateway), and further headers."""

    status: int
    content_type: str
    text: str
    headers: tuple[tuple[str, str], ...] = ()


def json_body(
    status: int,
    document: dict[str, Any],
    content_type: str = "application/json",
    headers: tuple[tuple[str, str], ...] = (),
) -> ErrorBody:
    """An error whose body is a JSON document."""
    return ErrorBody(status, content_type, json.dumps(document, separators=(",", ":")), headers)
