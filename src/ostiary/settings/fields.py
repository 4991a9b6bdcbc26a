"""Fields that a document must have."""

from __future__ import annotations

from google.protobuf.message import Message

from ostiary.errors import invalid


def require(message: Message, where: str, *names: str) -> None:
    """Raises FIELD_MISSING for the first of the fields that is absent; `where` is the path of `message` in JSON."""
    for name in names:
        if not message.HasField(name):
            raise invalid("FIELD_MISSING", f"{path_of(message, where, name)} is required.")


def path_of(message: Message, where: str, name: str) -> str:
    """The path of a field as clients write it."""
    shown: str = message.DESCRIPTOR.fields_by_name[name].json_name
    return f"{where}.{shown}" if where else shown
