"""PBKDF2 (RFC 8018), and SCRAM (RFC 5802, 7677), whose stored keys are made of it.

What a comparison costs is iterations times blocks: each block of the value, of one digest's length, is calculated anew.
With SHA-1 only the first 20 bytes are compared: a system that stores more bytes (Keycloak
stores 64) is not more secure by that.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata

from ostiary.directory.passwords.foreign_hashes.scheme import HASH, SALT, Parts, Scheme, data

MAX_BLOCKS = 2_000_000
"""Iterations times blocks of one comparison."""


def digest_bytes(digest: str) -> int:
    """The length of a digest."""
    return hashlib.new(digest).digest_size


def _compared(found: Parts) -> bytes:
    known = data(found["hash"])
    return known[:20] if found["digest"] == "sha1" else known


def _affordable(found: Parts) -> bool:
    blocks = -(-len(_compared(found)) // digest_bytes(found["digest"]))
    return int(found["iterations"]) >= 1 and int(found["iterations"]) * blocks <= MAX_BLOCKS


def _matches(found: Parts, password: bytes) -> bool:
    known = _compared(found)
    made = hashlib.pbkdf2_hmac(found["digest"], password, data(found["salt"]), int(found["iterations"]), len(known))
    return hmac.compare_digest(made, known)


def _scheme(digest: str) -> Scheme:
    form = rf"\$pbkdf2-(?P<digest>{digest})\$(?:i=)?(?P<iterations>\d{{1,9}})(?:,l=\d{{1,3}})?"
    form += rf"\$(?P<salt>{SALT})\$(?P<hash>{HASH})"
    names = (f"pbkdf2-{digest}", f"pbkdf2-hmac-{digest}")
    return Scheme(
        f"PBKDF2WithHmac{digest.upper()}", (f"$pbkdf2-{digest}$",), re.compile(form, re.ASCII), _affordable, _matches,
        names,
    )  # fmt: skip


def _over_md5_matches(found: Parts, password: bytes) -> bool:
    """Compares with PBKDF2 of an MD5 hash, which MediaWiki makes of its old hashes, without a salt or with one before a
    hyphen."""
    inner = _md5(password)
    return _matches(found, _md5(found["first"].encode() + b"-" + inner) if found["first"] else inner)


def _md5(content: bytes) -> bytes:
    return hashlib.md5(content, usedforsecurity=False).hexdigest().encode()


_OVER_MD5 = Scheme(
    "PBKDF2 over MD5", ("$pbkdf2-md5-",),
    re.compile(
        r"\$pbkdf2-md5-(?P<digest>sha(?:1|256|384|512))\$(?P<iterations>\d{1,9})(?:,(?P<first>[0-9A-Za-z]{1,64}))?"
        rf"\$(?P<salt>{SALT})\$(?P<hash>{HASH})",
        re.ASCII,
    ),
    _affordable, _over_md5_matches, ("pbkdf2-legacyA", "pbkdf2-legacyB"),
)  # fmt: skip


def _scram_affordable(found: Parts) -> bool:
    return 1 <= int(found["iterations"]) <= MAX_BLOCKS // 2  # since two spellings of a password are tried


def _scram_matches(found: Parts, password: bytes) -> bool:
    """Compares with the password as it is, and in NFKC, which equals SASLprep (RFC 4013) for most passwords."""
    prepared = unicodedata.normalize("NFKC", password.decode()).encode()
    fits = [_scram_key(found, one) == data(found["hash"]) for one in dict.fromkeys((password, prepared))]
    return any(fits)


def _scram_key(found: Parts, password: bytes) -> bytes:
    digest = "sha" + found["size"]
    salted = hashlib.pbkdf2_hmac(digest, password, data(found["salt"]), int(found["iterations"]))
    return hashlib.new(digest, hmac.digest(salted, b"Client Key", digest)).digest()


_SCRAM = Scheme(
    "SCRAM", ("{SCRAM-SHA-",),
    re.compile(
        rf"\{{SCRAM-SHA-(?P<size>1|256)\}}(?P<iterations>\d{{1,9}}),(?P<salt>{SALT}),(?P<hash>{HASH}),[A-Za-z0-9/+=]+",
        re.ASCII,
    ),
    _scram_affordable, _scram_matches,
)  # fmt: skip
PBKDF2 = (*map(_scheme, ("sha512", "sha256", "sha1", "sha384", "sha224")), _OVER_MD5, _SCRAM)
