"""App ID's `status` of a user: PENDING or CONFIRMED, in place of the two facts that the directory knows of a person."""

from __future__ import annotations

from typing import Protocol

from ostiary.errors import invalid

PENDING, CONFIRMED = "PENDING", "CONFIRMED"


class Person(Protocol):
    """Facts from which the status is derived; `email` is the primary mail address, empty if there is none."""

    @property
    def may_sign_in(self) -> bool: ...

    @property
    def email_verified(self) -> bool: ...

    @property
    def email(self) -> str: ...


def is_confirmed(user: Person) -> bool:
    """Whether the primary mail address is verified; of a person without one, whether they may sign in."""
    return user.email_verified or (user.may_sign_in and not user.email)


def status_of(user: Person) -> str:
    """The status as App ID shows it."""
    return CONFIRMED if is_confirmed(user) else PENDING


def confirmation_of(status: str) -> bool:
    """Whether a status says that the user is confirmed. Raises INVALID_STATUS."""
    if status not in (PENDING, CONFIRMED):
        raise invalid("INVALID_STATUS", f"status must be {PENDING} or {CONFIRMED}.", scim_type="invalidValue")
    return status == CONFIRMED
