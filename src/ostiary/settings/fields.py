"""Required fields of configuration documents."""

from __future__ import annotations

from google.protobuf import struct_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from ostiary.errors import invalid


def require(message: Message, where: str, *names: str) -> None:
    """Raises FIELD_MISSING for the first of the fields that is absent; `where` is the path of `message` in JSON."""
    for name in names:
        if not message.HasField(name):
            raise invalid("FIELD_MISSING", f"{path_of(message, where, name)} is required.")


def keep_switches(document: Message, stored: Message) -> None:
    """Gives the objects of `document` the switches that they lack, as they are `stored`.

    Clients send objects without a switch that they do not know, and an absent switch must not read as off.
    """
    for field, part in document.ListFields():
        if field.message_type is None or not field.has_presence:
            continue
        for switch in part.DESCRIPTOR.fields:
            if switch.type == FieldDescriptor.TYPE_BOOL and not part.HasField(switch.name):
                setattr(part, switch.name, getattr(getattr(stored, field.name), switch.name))


def is_blank(message: Message) -> bool:
    """Whether nothing in it says anything: forms of what is switched off are sent back with empty fields."""
    return all(
        is_blank(value) if field.message_type is not None and field.has_presence else not value
        for field, value in message.ListFields()
    )


def texts_of(message: Message, name: str) -> list[str]:
    """The texts of a required ListValue, which may be empty. Raises FIELD_MISSING, INVALID_LIST."""
    require(message, "", name)
    return texts_in(getattr(message, name), path_of(message, "", name))


def texts_in(values: struct_pb2.ListValue, where: str) -> list[str]:
    """The texts of a list; `where` is its path in JSON. Raises INVALID_LIST when an item is no text."""
    texts = [text for text in values if isinstance(text, str)]
    if len(texts) < len(values):
        raise invalid("INVALID_LIST", f"{where} must hold texts only.")
    return texts


def path_of(message: Message, where: str, name: str) -> str:
    """The path of a field as clients write it."""
    shown: str = message.DESCRIPTOR.fields_by_name[name].json_name
    return f"{where}.{shown}" if where else shown
