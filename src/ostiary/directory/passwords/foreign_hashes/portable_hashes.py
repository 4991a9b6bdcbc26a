"""phpass: a digest repeated 2 ** n times, with MD5 (`$P$`, WordPress before 6.8, phpBB's `$H$`) or SHA-512 (`$S$`,
Drupal 7 to 10). The loop is Python's, so it shares the interpreter's lock with the requests; its bound is lower."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable

from ostiary.directory.passwords.foreign_hashes.scheme import Parts, Scheme

LETTERS = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
"""Digits of 6 bits, as crypt(3) and phpass write them."""
MAX_ROUND_BLOCKS = {"P": 1 << 20, "H": 1 << 20, "S": 1 << 18}
"""Rounds times blocks of a digest. WordPress has 2 ** 13 rounds, Drupal 2 ** 16, passlib 2 ** 19."""
_BLOCK = {"P": 64, "H": 64, "S": 128}
_DIGEST = {"P": 16, "H": 16, "S": 64}
_USUAL_LENGTH = 24
"""The length of a password, in bytes, for which the cost of a hash is checked when the hash is imported."""
_DRUPAL_LETTERS = 43
"""The length to which Drupal cuts what it stores."""


def _affordable(found: Parts, length: int = _USUAL_LENGTH) -> bool:
    kind, doublings = found["kind"], LETTERS.index(found["rounds"])
    blocks = -(-(_DIGEST[kind] + length + 9) // _BLOCK[kind])
    return doublings >= 7 and blocks << doublings <= MAX_ROUND_BLOCKS[kind]


def written(content: bytes) -> str:
    """Writes three bytes in four letters, the least significant bits first."""
    text = ""
    for place in range(0, len(content), 3):
        piece = content[place : place + 3]
        number = int.from_bytes(piece, "little")
        text += "".join(LETTERS[number >> shift & 63] for shift in range(0, 8 * len(piece), 6))
    return text


def _matching(digest: Callable[[bytes], hashlib._Hash]) -> Callable[[Parts, bytes], bool]:
    def matches(found: Parts, password: bytes) -> bool:
        if not _affordable(found, len(password)):
            return False
        made = digest(found["letters"].encode() + password).digest()
        for _ in range(1 << LETTERS.index(found["rounds"])):
            made = digest(made + password).digest()
        return hmac.compare_digest(written(made)[:_DRUPAL_LETTERS], found["digest"])

    return matches


_LETTER = r"[./0-9A-Za-z]"
_START = rf"(?P<rounds>{_LETTER})(?P<letters>{_LETTER}{{8}})"
PORTABLE = (
    Scheme(
        "phpass", ("$P$", "$H$"), re.compile(rf"\$(?P<kind>[PH])\${_START}(?P<digest>{_LETTER}{{22}})"), _affordable,
        _matching(hashlib.md5), ("wordpress", "phpbb"),
    ),
    Scheme(
        "phpass-sha512", ("$S$",), re.compile(rf"\$(?P<kind>S)\${_START}(?P<digest>{_LETTER}{{43}})"), _affordable,
        _matching(hashlib.sha512), ("drupal", "drupal7"),
    ),
)  # fmt: skip
