"""Version of cloudapi: the client sends it in Accept, and one that is not supported is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ostiary.errors import DomainError, Kind

_NUMBER = re.compile(r"(\d{1,3})\.(\d{1,3})(?:\.\d{1,3})?")
OLDEST, NEWEST = (36, 0), (40, 0)
"""The range of Cloud Director's own versions; its successor counts from 9.0."""


def refuse_unknown_version(headers: Mapping[str, str]) -> None:
    """Raises UNSUPPORTED_VERSION (406) where Accept names versions and none of them is offered.

    Clients step down through versions on 406, so one acceptable range suffices; none at all means the newest.
    """
    asked = list(versions_of(headers.get("accept", "")))
    if asked and not any(map(is_spoken, asked)):
        message = "This version of the API is not offered: ask for 36.0 to 40.0 or 9.x, or leave it out."
        raise DomainError(Kind.NOT_ACCEPTABLE, "UNSUPPORTED_VERSION", message)


def versions_of(accept: str) -> Iterator[str]:
    """The version of each media range (RFC 9110 §12.5.1) that names one; an empty one, as go-vcloud-director sends it
    to what has no version, names none."""
    for media_range in accept.split(","):
        for parameter in media_range.split(";")[1:]:
            name, _, value = parameter.partition("=")
            version = value.strip().strip('"')
            if version and name.strip().lower() == "version":
                yield version


def is_spoken(version: str) -> bool:
    """Whether `version` is one of 36.0 to 40.0 or of 9.x."""
    number = _NUMBER.fullmatch(version)
    if number is None:
        return False
    major, minor = int(number[1]), int(number[2])
    return major == 9 or OLDEST <= (major, minor) <= NEWEST
