"""Settings that consist of one switch: `{"isActive": true}`. Their value is a bool."""

from __future__ import annotations

from typing import Protocol

from google.protobuf.message import Message

from ostiary.errors import invalid


class Switch(Protocol):
    """A document with a switch."""

    @property
    def is_active(self) -> bool:
        """Whether it is on."""
        ...


def check_switch(document: Message) -> None:
    """Refuses a document without isActive: an absent switch must not read as off."""
    if not document.HasField("is_active"):
        raise invalid("IS_ACTIVE_MISSING", "isActive is required: true or false.")


def is_on(document: Switch) -> bool:
    """Returns the value of the switch."""
    return document.is_active
