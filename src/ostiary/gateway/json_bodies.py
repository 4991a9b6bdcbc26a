"""Bodies of JSON that the transcoder reads: down to which depth their members are fields of messages."""

from __future__ import annotations

from google.protobuf.descriptor import Descriptor, MethodDescriptor

from ostiary.transport.rules import HTTP_BODY

FREE = frozenset({"google.protobuf.Struct", "google.protobuf.Value", "google.protobuf.ListValue"})
EVERY_LEVEL = 100
"""More than the transcoder reads."""


def field_levels(method: MethodDescriptor, body: str) -> int:
    """How many levels of nested objects have members that are fields, so that a member of another name may be ignored:
    all of them, the first where free JSON may stand below it, or 0. `body` is that of google.api.http; -1 where the
    transcoder reads no JSON.
    """
    message: Descriptor | None = method.input_type
    if body not in ("", "*"):
        message = method.input_type.fields_by_name[body].message_type
    if not body or message is None or message.full_name == HTTP_BODY:
        return -1
    if message.full_name in FREE:
        return 0
    return 1 if _holds_free(message, set()) else EVERY_LEVEL


def _holds_free(message: Descriptor, seen: set[str]) -> bool:
    if message.full_name in FREE or message.GetOptions().map_entry:
        return True
    if message.full_name in seen:
        return False
    seen.add(message.full_name)
    return any(field.message_type and _holds_free(field.message_type, seen) for field in message.fields)
