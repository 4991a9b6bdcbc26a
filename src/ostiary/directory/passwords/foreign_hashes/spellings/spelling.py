"""Reading of other systems' formats: each is read by one pattern and written in the form that a scheme stores."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from ostiary.directory.passwords.foreign_hashes.scheme import text

Found = re.Match[str]


@dataclass(frozen=True, slots=True)
class Spelling:
    """A form in which `system` writes hashes. `write` makes the stored form of it, perhaps by way of another spelling;
    None or a ValueError where the text only looked like it."""

    system: str
    form: re.Pattern[str]
    write: Callable[[Found], str | None]


def spelling(system: str, form: str, write: Callable[[Found], str | None], flags: int = 0) -> Spelling:
    """A spelling, whose form is written as a regular expression over ASCII."""
    return Spelling(system, re.compile(form, re.ASCII | flags), write)


def inner(found: Found) -> str:
    """Returns what another system has wrapped, which is already in the form of a scheme."""
    return found["inner"]


def pbkdf2(digest: str, iterations: int | str, salt: bytes, value: bytes) -> str:
    """PBKDF2 as it is stored."""
    return f"$pbkdf2-{digest}${int(iterations)}${text(salt)}${text(value)}"


def scrypt(n: int, block: int | str, lanes: int | str, salt: bytes, value: bytes, kind: str = "scrypt") -> str:
    """Writes scrypt as it is stored; `n` is N itself. Raises ValueError where that is no power of two."""
    cost = n.bit_length() - 1
    if n != 1 << cost:
        raise ValueError("N must be a power of two")
    return f"${kind}$ln={cost},r={int(block)},p={int(lanes)}${text(salt)}${text(value)}"
