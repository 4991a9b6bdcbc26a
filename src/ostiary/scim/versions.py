"""Versions of resources: entity tags, and changes that depend on them (RFC 7644 §3.14)."""

from __future__ import annotations

from ostiary.errors import DomainError, Kind


def check_version(etag: str, wanted: str) -> None:
    """Raises VERSION_MISMATCH (412) unless one of the tags of If-Match, compared weakly, is that of the resource; any
    will do where there is no tag, or `*`."""
    tags = {tag.strip().removeprefix("W/") for tag in wanted.split(",")} - {""}
    if tags and not tags & {etag.removeprefix("W/"), "*"}:
        message = f"The resource has changed: its version is {etag}. Read it again, and repeat the change."
        raise DomainError(Kind.PRECONDITION_FAILED, "VERSION_MISMATCH", message)
