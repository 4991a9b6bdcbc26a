"""Settings that consist of one switch: `{"isActive": true}`. Their value is a bool."""

from __future__ import annotations

from typing import Protocol

from google.protobuf.message import Message


class Switch(Protocol):
    """A document with a switch."""

    @property
    def is_active(self) -> bool:
        """Whether it is on."""
        ...


def take_as_it_is(document: Message) -> None:
    """The check of a document about which its proto says all there is: requests were checked against that."""


def is_on(document: Switch) -> bool:
    """Returns the value of the switch."""
    return document.is_active
