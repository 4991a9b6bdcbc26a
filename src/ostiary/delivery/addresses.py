"""Mail addresses and their display names, in settings and in headers."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from email.headerregistry import Address

import idna

from ostiary.errors import DomainError, invalid

MAX_ADDRESS = 254
"""Characters (RFC 5321 §4.5.3.1.3)."""
MAX_NAME = 256


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A mail address that was checked, with a name for people."""

    address: str
    name: str = ""

    def header(self) -> Address:
        """As a header holds it: quoted where it must be, the domain in ASCII."""
        local, _, domain = self.address.rpartition("@")
        return Address(self.name, local, domain)


def mailbox(field: str, address: str, name: str = "") -> Mailbox:
    """Checks what a caller gave; `field` names it in errors. Raises INVALID_EMAIL, INVALID_NAME."""
    local, _, domain = address.strip().rpartition("@")
    try:
        ascii_domain = idna.encode(domain, uts46=True, transitional=False).decode() if domain else ""
    except idna.IDNAError:
        ascii_domain = ""
    checked = f"{local}@{ascii_domain}"
    if not local or not ascii_domain or len(checked) > MAX_ADDRESS or not one_line(local) or " " in local:
        raise invalid("INVALID_EMAIL", f"{field} must be a mail address such as name@example.com.")
    check_shown_name(field, name)
    return Mailbox(checked, name)


def check_shown_name(field: str, name: str) -> None:
    """The name that people read beside an address. Raises INVALID_NAME."""
    if len(name) > MAX_NAME or not one_line(name):
        raise invalid("INVALID_NAME", f"{field} takes a name of at most {MAX_NAME} characters, without line breaks.")


def is_mailbox(address: str) -> bool:
    """Whether mail can be sent there."""
    try:
        return bool(mailbox("", address))
    except DomainError:
        return False


def one_line(text: str) -> bool:
    """Whether a text can be put into a header: no line breaks, no control characters, no lone surrogates."""
    return not any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in text)


def as_line(text: str) -> str:
    """Returns a text as one line: characters that a header must not contain become a blank, several blanks become
    one."""
    return " ".join("".join(character if one_line(character) else " " for character in text).split())
