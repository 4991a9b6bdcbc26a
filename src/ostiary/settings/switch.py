"""Configuration documents that consist of one switch: `{"isActive": true}`."""

from __future__ import annotations

from google.protobuf.message import Message

from ostiary.errors import invalid


def check_switch(document: Message) -> None:
    """Refuses a document without isActive: an absent switch must not read as off."""
    if not document.HasField("is_active"):
        raise invalid("IS_ACTIVE_MISSING", "isActive is required: true or false.")
