"""Comparison of names: the compared form is computed once, in Python, and stored next to the shown form."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

import idna

from ostiary.errors import DomainError, invalid

MAX_NAME = 256


def name_key(name: str) -> str:
    """The compared form of a name: without surrounding blanks, folded."""
    return folded(name.strip())


def folded(text: str) -> str:
    """Returns a text in which variants of case and spelling are equal: NFKC and casefold, until it no longer
    changes."""
    once = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return unicodedata.normalize("NFKC", once.casefold())


def email_key(address: str) -> str:
    """The compared form of a mail address: the local part as a name, the domain by IDNA.

    Raises INVALID_EMAIL for what is no address. `+tag` and dots are kept: to other servers they are other people.
    """
    local, at, domain = address.strip().rpartition("@")
    if not at or not local or not domain or len(address) > MAX_NAME or _has_controls(address):
        raise invalid("INVALID_EMAIL", "A mail address must have the form name@example.com.", scim_type="invalidValue")
    try:
        ascii_domain = _ascii_domain(domain)
    except idna.IDNAError as error:
        raise invalid(
            "INVALID_EMAIL", "The domain of the mail address is not valid.", scim_type="invalidValue"
        ) from error
    return f"{name_key(local)}@{ascii_domain}"


@lru_cache(maxsize=1_024)
def _ascii_domain(domain: str) -> str:
    """Returns the domain in ASCII. Cached, since few domains have most of the addresses; raises IDNAError."""
    return idna.encode(domain, uts46=True, transitional=False).decode().lower()


def login_key(name: str) -> str:
    """Returns the compared form of what a user types to sign in: a mail address if it looks like one."""
    if "@" in name:
        try:
            return email_key(name)
        except DomainError:  # not an address: then it is a name with an at sign
            return name_key(name)
    return name_key(name)


def check_name(field: str, text: str, longest: int) -> str:
    """A name that people read: not blank, no control or line-separator characters, at most `longest` characters."""
    bad = any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in text)
    if bad or not text.strip() or len(text) > longest:
        message = f"{field} must have 1 to {longest} characters, not blank, without line breaks."
        raise invalid("INVALID_NAME", message, scim_type="invalidValue")
    return text


def is_text(text: str) -> bool:
    """Whether a store can hold it: no NUL, no lone surrogate (which JSON can spell). Nothing stored equals another."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _has_controls(text: str) -> bool:
    return any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in text) or " " in text.strip()
