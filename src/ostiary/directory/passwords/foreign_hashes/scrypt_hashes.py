"""scrypt (RFC 7914): plain, over a password in NFKC (better-auth), and Firebase's, which encrypts a key with it."""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from ostiary.directory.passwords.foreign_hashes.scheme import HASH, MAX_FILLED, MAX_MEMORY, SALT, Parts, Scheme, data


def scrypt_bytes(cost: int, block: int) -> int:
    """The memory that scrypt fills, for N = 2 ** cost and r = block."""
    return 128 * block << cost


def scrypt_affordable(cost: int, block: int, lanes: int) -> bool:
    """Whether a comparison takes neither more memory nor more time than one may."""
    if not (1 <= cost <= 20 and 1 <= block <= 64 and 1 <= lanes <= 16):
        return False
    memory = scrypt_bytes(cost, block)
    return memory <= MAX_MEMORY and memory * lanes <= MAX_FILLED >> 1


def _numbers(found: Parts) -> tuple[int, int, int]:
    return int(found["cost"]), int(found["block"]), int(found["lanes"])


def _affordable(found: Parts) -> bool:
    return scrypt_affordable(*_numbers(found))


def _memory_kib(found: Parts) -> int:
    cost, block, _lanes = _numbers(found)
    return scrypt_bytes(cost, block) >> 10


def _scrypt(found: Parts, password: bytes, salt: bytes, length: int) -> bytes:
    cost, block, lanes = _numbers(found)
    return hashlib.scrypt(
        password, salt=salt, n=1 << cost, r=block, p=lanes, maxmem=MAX_MEMORY + (1 << 20), dklen=length
    )


def _matches(found: Parts, password: bytes) -> bool:
    known = data(found["hash"])
    return hmac.compare_digest(_scrypt(found, password, data(found["salt"]), len(known)), known)


def _nfkc_matches(found: Parts, password: bytes) -> bool:
    return _matches(found, unicodedata.normalize("NFKC", password.decode()).encode())


def _firebase_matches(found: Parts, password: bytes) -> bool:
    key = _scrypt(found, password, data(found["salt"]) + data(found["separator"]), 32)
    made = Cipher(AES(key), CTR(bytes(16))).encryptor().update(data(found["signer"]))
    return hmac.compare_digest(made, data(found["hash"]))


_NUMBERS = r"ln=(?P<cost>\d{1,9}),r=(?P<block>\d{1,9}),p=(?P<lanes>\d{1,9})"
_SALT_AND_HASH = rf"\$(?P<salt>{SALT})\$(?P<hash>{HASH})"
_KEYS = r"\$(?P<separator>[A-Za-z0-9/+]{0,64}={0,2})\$(?P<signer>[A-Za-z0-9/+]{22,344}={0,2})"
SCRYPT = (
    Scheme(
        "scrypt", ("$scrypt$",), re.compile(rf"\$scrypt\${_NUMBERS}{_SALT_AND_HASH}", re.ASCII),
        _affordable, _matches, memory_kib=_memory_kib,
    ),
    Scheme(
        "scrypt over NFKC", ("$scrypt-nfkc$",), re.compile(rf"\$scrypt-nfkc\${_NUMBERS}{_SALT_AND_HASH}", re.ASCII),
        _affordable, _nfkc_matches, ("better-auth",), memory_kib=_memory_kib,
    ),
    Scheme(
        "Firebase scrypt", ("$firescrypt$",), re.compile(rf"\$firescrypt\${_NUMBERS}{_SALT_AND_HASH}{_KEYS}", re.ASCII),
        _affordable, _firebase_matches, ("scrypt", "firescrypt", "fbscrypt"), memory_kib=_memory_kib,
    ),
)  # fmt: skip
