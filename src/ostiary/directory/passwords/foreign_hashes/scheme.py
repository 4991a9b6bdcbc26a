"""Definition of a hash scheme, and the base64 readers that all schemes use."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass

Parts = re.Match[str]
"""A stored hash, taken apart by the form of its scheme."""

MAX_MEMORY = 256 << 20
"""Bytes that one comparison may take."""
MAX_FILLED = 1 << 30
"""Bytes of memory that argon2 may fill, all passes together; scrypt and yescrypt: half of it."""
SALT, HASH = r"[A-Za-z0-9./+]{2,344}={0,2}", r"[A-Za-z0-9./+]{22,344}={0,2}"
"""At least 16 bytes of hash: a shorter one would fit too many passwords."""

PRINTED = "[!-#%-9;-~]"
"""A letter of a salt that is a text: printable ASCII without the two that part hashes and files, `$` and `:`."""
_IN_BASE64 = {"salt", "hash", "separator", "signer"}


def _always() -> bool:
    return True


def _no_memory(_found: Parts) -> int:
    return 0


@dataclass(frozen=True, slots=True)
class Scheme:
    """A way of hashing: `name` as exports call it, how its texts begin and their form, what it may cost.

    `other_names` are what else an import may call it. `matches` is slow; it releases the interpreter's lock, or is
    bounded so that others hardly wait. `memory_kib` is what it fills, for schemes that are hard by memory. A `weak` one
    is taken only where the operator allows it. `available`: whether this machine can calculate it.
    """

    name: str
    beginnings: tuple[str, ...]
    form: re.Pattern[str]
    affordable: Callable[[Parts], bool]
    matches: Callable[[Parts, bytes], bool]
    other_names: tuple[str, ...] = ()
    memory_kib: Callable[[Parts], int] = _no_memory
    weak: bool = False
    available: Callable[[], bool] = _always

    def read(self, text: str) -> Parts | None:
        """The parts of a text of this scheme; None if it is none."""
        found = self.form.fullmatch(text)
        if found is None:
            return None
        try:
            for name in found.groupdict().keys() & _IN_BASE64:
                data(found[name] or "")
        except ValueError:
            return None
        return found


def data(text: str) -> bytes:
    """Decodes base64 with or without padding; passlib writes a dot for the plus. Raises ValueError."""
    plain = text.rstrip("=").replace(".", "+")
    return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)


def text(content: bytes) -> str:
    """Encodes base64 as stored hashes have it, without padding."""
    return base64.b64encode(content).rstrip(b"=").decode()


def halves(text: str, length: int) -> tuple[bytes, bytes]:
    """Decodes base64 of two parts, of which the first has `length` bytes. Raises ValueError."""
    both = data(text)
    return both[:length], both[length:]
