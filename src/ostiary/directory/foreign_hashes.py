"""Password hashes that another system made: what an import takes, and how a password is compared with one.

The text says which scheme it is. What a comparison may cost is bounded when the hash comes in, since whoever imports
chooses the parameters: about a second of one core and 256 MiB at most. Compare on the hashing threads only
(`directory.passwords`).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass

import argon2
import bcrypt
from argon2.exceptions import InvalidHashError, VerificationError

from ostiary.errors import DomainError, invalid

MAX_TEXT = 1_024
MAX_MEMORY = 256 << 20
"""Bytes that one comparison may take."""
MAX_PASSES = 1 << 30
"""Bytes of memory that argon2 may fill, all passes together; scrypt: half of it."""
MAX_ITERATIONS = 2_000_000
"""Of PBKDF2."""
BCRYPT_COSTS = range(4, 15)
BCRYPT_BYTES = 72
"""bcrypt looks at no more of a password: whoever hashed a longer one has cut it there."""
_VERIFIER = argon2.PasswordHasher()
_SALT, _HASH = r"[A-Za-z0-9./+]{2,128}={0,2}", r"[A-Za-z0-9./+]{22,256}={0,2}"
"""At least 16 bytes of hash: a shorter one would fit too many passwords."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """A way of hashing: `name` as exports call it, how its texts begin and their form, what it may cost."""

    name: str
    beginnings: tuple[str, ...]
    form: re.Pattern[str]
    affordable: Callable[[re.Match[str]], bool]
    matches: Callable[[re.Match[str], bytes], bool]


def _argon2_affordable(found: re.Match[str]) -> bool:
    memory, passes, lanes = (int(found[name]) for name in ("memory", "passes", "lanes"))
    kib = MAX_MEMORY >> 10
    return 8 * lanes <= memory <= kib and 1 <= lanes <= 16 and passes >= 1 and memory * passes <= MAX_PASSES >> 10


def _argon2_matches(found: re.Match[str], data: bytes) -> bool:
    try:
        return _VERIFIER.verify(found[0], data)
    except (VerificationError, InvalidHashError):
        return False


def _bcrypt_matches(found: re.Match[str], data: bytes) -> bool:
    try:
        return bcrypt.checkpw(data[:BCRYPT_BYTES], found[0].encode())
    except ValueError:  # a salt that is none
        return False


def _scrypt_affordable(found: re.Match[str]) -> bool:
    cost, block, lanes = (int(found[name]) for name in ("cost", "block", "lanes"))
    if not (1 <= cost <= 20 and 1 <= block <= 32 and 1 <= lanes <= 16):
        return False
    memory = 128 * block << cost
    return memory <= MAX_MEMORY and memory * lanes <= MAX_PASSES >> 1


def _scrypt_matches(found: re.Match[str], data: bytes) -> bool:
    salt, known = _bytes(found["salt"]), _bytes(found["hash"])
    made = hashlib.scrypt(
        data, salt=salt, n=1 << int(found["cost"]), r=int(found["block"]), p=int(found["lanes"]),
        maxmem=MAX_MEMORY + (1 << 20), dklen=len(known),
    )  # fmt: skip
    return hmac.compare_digest(made, known)


def _pbkdf2_affordable(found: re.Match[str]) -> bool:
    return 1 <= int(found["iterations"]) <= MAX_ITERATIONS


def _pbkdf2_matches(found: re.Match[str], data: bytes) -> bool:
    salt, known = _bytes(found["salt"]), _bytes(found["hash"])
    made = hashlib.pbkdf2_hmac(found["digest"], data, salt, int(found["iterations"]), len(known))
    return hmac.compare_digest(made, known)


def _pbkdf2(digest: str) -> Scheme:
    form = rf"\$pbkdf2-(?P<digest>{digest})\$(?:i=)?(?P<iterations>\d{{1,9}})(?:,l=\d{{1,3}})?"
    form += rf"\$(?P<salt>{_SALT})\$(?P<hash>{_HASH})"
    name = f"PBKDF2WithHmac{digest.upper()}"
    return Scheme(name, (f"$pbkdf2-{digest}$",), re.compile(form), _pbkdf2_affordable, _pbkdf2_matches)


def _argon2(kind: str) -> Scheme:
    form = rf"\${kind}\$(?:v=(?:16|19)\$)?m=(?P<memory>\d{{1,9}}),t=(?P<passes>\d{{1,9}}),p=(?P<lanes>\d{{1,9}})"
    form += r"\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{22,171}"
    return Scheme(kind, (f"${kind}$",), re.compile(form), _argon2_affordable, _argon2_matches)


_BCRYPT = Scheme(
    "bcrypt", ("$2a$", "$2b$", "$2y$"), re.compile(r"\$2[aby]\$(?P<cost>\d\d)\$[./A-Za-z0-9]{53}"),
    lambda found: int(found["cost"]) in BCRYPT_COSTS, _bcrypt_matches,
)  # fmt: skip
_SCRYPT_FORM = r"\$scrypt\$ln=(?P<cost>\d{1,9}),r=(?P<block>\d{1,9}),p=(?P<lanes>\d{1,9})"
_SCRYPT = Scheme(
    "scrypt", ("$scrypt$",), re.compile(rf"{_SCRYPT_FORM}\$(?P<salt>{_SALT})\$(?P<hash>{_HASH})"),
    _scrypt_affordable, _scrypt_matches,
)  # fmt: skip
SCHEMES = (
    *map(_argon2, ("argon2id", "argon2i", "argon2d")), _BCRYPT, _SCRYPT, *map(_pbkdf2, ("sha512", "sha256")),
)  # fmt: skip
_BY_BEGINNING = {beginning: scheme for scheme in SCHEMES for beginning in scheme.beginnings}


def scheme_name(text: str) -> str:
    """The scheme of a stored hash, as exports call it."""
    scheme = _scheme(text)
    return scheme.name if scheme else ""


def check_hash(text: str, algorithm: str = "") -> str:
    """Returns its argument when passwords can be compared with it at a bearable cost.

    `algorithm` is what the caller says that it is, in any case of letters; empty says nothing. Raises UNKNOWN_HASH,
    HASH_TOO_EXPENSIVE, HASH_ALGORITHM_MISMATCH.
    """
    scheme, found = _read(text)
    if not scheme.name.casefold().startswith(algorithm.casefold()):
        message = f"passwordHashAlg says {algorithm[:64]!r}, but the hash is one of {scheme.name}."
        raise invalid("HASH_ALGORITHM_MISMATCH", message, scim_type="invalidValue")
    if not scheme.affordable(found):
        message = f"The parameters of this {scheme.name} hash would cost too much at each sign-in."
        raise invalid("HASH_TOO_EXPENSIVE", message, scim_type="invalidValue")
    return text


def hash_matches(text: str, data: bytes) -> bool:
    """Whether `data` is the password behind a hash, of our own or one that `check_hash` let in. Slow."""
    try:
        scheme, found = _read(text)
    except DomainError:
        return False
    return scheme.matches(found, data)


def _read(text: str) -> tuple[Scheme, re.Match[str]]:
    """The scheme of a hash and its parts. Raises UNKNOWN_HASH."""
    scheme = _scheme(text)
    found = scheme.form.fullmatch(text) if scheme and len(text) <= MAX_TEXT else None
    if scheme is None or found is None:
        raise _unknown()
    try:
        for name in ("salt", "hash"):
            _bytes(found.groupdict().get(name, ""))
    except binascii.Error as error:
        raise _unknown() from error
    return scheme, found


def _scheme(text: str) -> Scheme | None:
    return next((scheme for beginning, scheme in _BY_BEGINNING.items() if text.startswith(beginning)), None)


def _bytes(text: str) -> bytes:
    """base64 with or without padding; passlib writes a dot for the plus."""
    plain = text.rstrip("=").replace(".", "+")
    return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)


def _unknown() -> DomainError:
    known = "argon2id, argon2i, argon2d ($argon2id$v=19$m=…), bcrypt ($2b$…), scrypt ($scrypt$ln=…) and PBKDF2 "
    message = f"The hash has an unknown form. Known ones: {known}($pbkdf2-sha512$…, $pbkdf2-sha256$…)."
    return invalid("UNKNOWN_HASH", message, scim_type="invalidValue")
