"""Mail addresses and phone numbers of directory users: stored as rows, so that queries can find them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    Select,
    bindparam,
    delete,
    false,
    insert,
    literal,
    select,
    union_all,
    update,
)

from ostiary.errors import DomainError, conflict, invalid
from ostiary.names import email_key, is_text
from ostiary.store.listed import listed
from ostiary.store.prepared import prepared
from ostiary.store.tables import UserEmail, UserPhone, table_of, unindexed
from ostiary.store.work import Work

MAX_CONTACTS = 20
MAX_TEXT = 1_000
_POSITION = itemgetter(0)

_EMAILS, _PHONES = table_of(UserEmail), table_of(UserPhone)


@dataclass(frozen=True, slots=True)
class Contact:
    """A mail address or phone number (RFC 7643 §4.1.2). `verified`: the user is known to read the address's mail."""

    value: str
    type: str = ""
    display: str = ""
    primary: bool = False
    verified: bool = False


def contact_rows() -> list[Select[Any]]:
    """Selections of the mail addresses and the phone numbers of the users `ids`, with the same columns."""
    parts = []
    for kind, table in (("email", _EMAILS), ("phone", _PHONES)):
        columns = (table.c.user_id, table.c.position, table.c.value, table.c.type, table.c.display, table.c.is_primary)
        verified = table.c.verified if table is _EMAILS else false()
        chosen = select(literal(kind).label("kind"), *columns, verified.label("verified"))
        of_users = (unindexed(table.c.tenant_id) == bindparam("of_tenant"), listed(table.c.user_id, "ids"))
        parts.append(chosen.where(*of_users))
    return parts


_ADD_EMAIL = prepared(lambda insert: insert(_EMAILS).on_conflict_do_nothing().returning(literal(1)))
_ADD_PHONE = prepared(insert(_PHONES))
_OF_USERS = prepared(union_all(*contact_rows()))
Contacts = Mapping[tuple[str, str], tuple[Contact, ...]]
"""Contacts by user id, and "email" or "phone", in the order in which they were given."""
ReadContacts = Callable[[Work, str, Sequence[str]], Contacts]
"""Reads the contacts of users by their ids: `contacts_of`, or what reads more with them."""


def contacts_of(work: Work, tenant_id: str, user_ids: Sequence[str]) -> Contacts:
    """The contacts of these users."""
    return contacts_from(work.rows(_OF_USERS, {"of_tenant": tenant_id, "ids": user_ids}) if user_ids else ())


def contacts_from(rows: Iterable[Sequence[Any]]) -> Contacts:
    """The contacts of rows that `contact_rows` select, in any order."""
    found: dict[tuple[str, str], list[tuple[int, Contact]]] = {}
    for kind, user_id, position, value, type, display, is_primary, verified in rows:
        contact = Contact(value, type, display, is_primary, verified)
        found.setdefault((user_id, kind), []).append((position, contact))
    return {
        whose: tuple([contact for _, contact in sorted(entries, key=_POSITION)]) for whose, entries in found.items()
    }


def add_emails(work: Work, tenant_id: str, user_id: str, emails: Sequence[Contact]) -> None:
    """Stores the mail addresses of a new user; raises EMAIL_TAKEN (409)."""
    for row in email_rows(tenant_id, user_id, emails):
        # Not asked first and written then: of two that ask at once both would find it free.
        if work.row(_ADD_EMAIL, row) is None:
            raise email_taken()


def replace_emails(work: Work, tenant_id: str, user_id: str, emails: Sequence[Contact]) -> None:
    """Stores the mail addresses of a user in place of those before; raises EMAIL_TAKEN (409)."""
    work.run(delete(_EMAILS).where(unindexed(_EMAILS.c.tenant_id) == tenant_id, _EMAILS.c.user_id == user_id))
    add_emails(work, tenant_id, user_id, emails)


def email_keys(emails: Iterable[Contact]) -> set[str]:
    """The compared forms of mail addresses."""
    return {email_key(one.value) for one in emails}


def verify_email(work: Work, tenant_id: str, user_id: str, address_key: str) -> bool | None:
    """Notes that the user reads the mail of an address; whether it is the primary one, None when the user does not have
    it."""
    chosen = (_EMAILS.c.tenant_id == tenant_id, _EMAILS.c.user_id == user_id, _EMAILS.c.value_key == address_key)
    row = work.row(update(_EMAILS).where(*chosen).values(verified=True).returning(_EMAILS.c.is_primary))
    return bool(row.is_primary) if row else None


def verify_primary_email(work: Work, tenant_id: str, user_id: str, *, verified: bool) -> None:
    """Sets whether the user is known to read the mail of the primary address."""
    chosen = (unindexed(_EMAILS.c.tenant_id) == tenant_id, _EMAILS.c.user_id == user_id, _EMAILS.c.is_primary)
    work.run(update(_EMAILS).where(*chosen).values(verified=verified))


def add_phones(work: Work, tenant_id: str, user_id: str, phones: Sequence[Contact]) -> None:
    """Stores the phone numbers of a user who has none."""
    for row in phone_rows(tenant_id, user_id, phones):
        work.run(_ADD_PHONE, row)


def replace_phones(work: Work, tenant_id: str, user_id: str, phones: Sequence[Contact]) -> None:
    """Stores the phone numbers of a user in place of those before."""
    work.run(delete(_PHONES).where(unindexed(_PHONES.c.tenant_id) == tenant_id, _PHONES.c.user_id == user_id))
    add_phones(work, tenant_id, user_id, phones)


def email_rows(tenant_id: str, user_id: str, emails: Sequence[Contact]) -> list[dict[str, Any]]:
    """Returns the mail addresses of a user as they are stored; `emails` come from `one_primary`."""
    return [
        _row(tenant_id, user_id, position, one) | {"value_key": email_key(one.value), "verified": one.verified}
        for position, one in enumerate(emails)
    ]


def phone_rows(tenant_id: str, user_id: str, phones: Sequence[Contact]) -> list[dict[str, Any]]:
    """The phone numbers of a user as they are stored."""
    return [
        {**_row(tenant_id, user_id, position, phone), "value_key": phone_key(phone.value)}
        for position, phone in enumerate(one_primary("phoneNumbers", phones))
    ]


def phone_key(number: str) -> str:
    """The compared form of a phone number: without blanks and punctuation."""
    return "".join(character for character in number if character.isalnum() or character == "+")


def _row(tenant_id: str, user_id: str, position: int, contact: Contact) -> dict[str, Any]:
    return {
        "tenant_id": tenant_id, "user_id": user_id, "position": position, "value": contact.value,
        "type": contact.type, "display": contact.display, "is_primary": contact.primary,
    }  # fmt: skip


PHONES = "phoneNumbers"


def one_primary(name: str, contacts: Sequence[Contact]) -> list[Contact]:
    """The contacts with one primary at most. Of addresses the first is it, if none claims it: people sign in by it.

    Raises TOO_MANY_VALUES, TWO_PRIMARY_VALUES, VALUE_MISSING, TEXT_TOO_LONG; `name` is the attribute's.
    """
    if len(contacts) > MAX_CONTACTS:
        raise invalid("TOO_MANY_VALUES", f"{name} takes at most {MAX_CONTACTS} entries.", scim_type="invalidValue")
    claims = [contact.primary for contact in contacts]
    if claims.count(True) > 1:
        raise invalid("TWO_PRIMARY_VALUES", f"Only one of {name} can be primary.", scim_type="invalidValue")
    for contact in contacts:
        check_texts({f"{name}.value": contact.value, f"{name}.display": contact.display, f"{name}.type": contact.type})
        if not contact.value.strip():
            raise invalid("VALUE_MISSING", f"Each of {name} needs a value.", scim_type="invalidValue")
    first = claims.index(True) if True in claims else -1 if name == PHONES else 0
    return [replace(one, value=one.value.strip(), primary=place == first) for place, one in enumerate(contacts)]


def primary_of(contacts: Sequence[Contact]) -> Contact | None:
    """The primary one, or None."""
    return next((one for one in contacts if one.primary), None)


def check_texts(texts: Mapping[str, str]) -> None:
    """Refuses what a store cannot hold: raises TEXT_TOO_LONG. Line breaks and markup are data like any other."""
    for name, value in texts.items():
        if len(value) > MAX_TEXT or not is_text(value):
            message = f"{name} takes at most {MAX_TEXT} characters, and no NUL among them."
            raise invalid("TEXT_TOO_LONG", message, scim_type="invalidValue")


def email_taken() -> DomainError:
    """Returns the error for a mail address that another user of the directory has."""
    return conflict("EMAIL_TAKEN", "The directory has a user with this mail address already.", scim_type="uniqueness")
