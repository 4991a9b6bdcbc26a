"""Groups as SCIM JSON (RFC 7643 §4.2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ostiary.clock import rfc3339
from ostiary.directory.groups.groups import GroupView
from ostiary.directory.groups.members import Member
from ostiary.scim.schema.published import GROUP_SCHEMA

_SCHEMAS = (GROUP_SCHEMA,)


def etag(group: GroupView) -> str:
    """The version of a group as an entity tag; it grows with each change of its members, too."""
    return f'W/"{group.version}"'


def written_group(group: GroupView, members: Sequence[Member], external_id: str, url: str) -> dict[str, Any]:
    """The group as JSON; `url` is the root of the service."""
    written: dict[str, Any] = {"schemas": _SCHEMAS, "id": group.id}
    if external_id:
        written["externalId"] = external_id
    written["displayName"] = group.display_name
    if members:
        written["members"] = [_member(member, url) for member in members]
    written["meta"] = {
        "resourceType": "Group", "created": rfc3339(group.created_at), "lastModified": rfc3339(group.modified_at),
        "version": etag(group), "location": f"{url}/Groups/{group.id}",
    }  # fmt: skip
    return written


def _member(member: Member, url: str) -> dict[str, str]:
    shown = {"value": member.id, "$ref": f"{url}/{member.kind}s/{member.id}", "type": member.kind}
    return {**shown, "display": member.display_name} if member.display_name else shown


def writable_group(group: GroupView, external_id: str) -> dict[str, Any]:
    """What a client could have sent to make the group what it is, but for its members: where a PATCH begins."""
    named = {"schemas": list(_SCHEMAS), "id": group.id, "displayName": group.display_name}
    return {**named, **({"externalId": external_id} if external_id else {})}


def member_ids(entries: Iterable[Mapping[str, Any]]) -> list[str]:
    """The ids that members name, each once, without the prefix of the Tenant Manager."""
    ids = (str(entry.get("value", "")) for entry in entries)
    return list(dict.fromkeys(each.rpartition(":")[2] if each.startswith("urn:vcloud:") else each for each in ids))
