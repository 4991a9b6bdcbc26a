"""Settings that consist of one switch: `{"isActive": true}`. Their value is a bool."""

from __future__ import annotations

from typing import Protocol


class Switch(Protocol):
    """A document with a switch."""

    @property
    def is_active(self) -> bool:
        """Whether it is on."""
        ...


def is_on(document: Switch) -> bool:
    """Returns the value of the switch."""
    return document.is_active
