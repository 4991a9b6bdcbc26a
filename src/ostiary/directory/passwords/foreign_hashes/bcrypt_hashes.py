"""bcrypt, and bcrypt over a digest: WordPress, Django and passlib hash the password first, since bcrypt looks at 72
bytes only."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable

import bcrypt

from ostiary.directory.passwords.foreign_hashes.scheme import Parts, Scheme

COSTS = range(4, 15)
LOOKED_AT = 72
"""The number of bytes of a password that bcrypt reads: a system that hashed a longer password has cut it there."""
_SALT, _DIGEST = r"[./A-Za-z0-9]{22}", r"[./A-Za-z0-9]{31}"
_BCRYPT = rf"(?P<bcrypt>\$2[aby]\$(?P<cost>\d\d)\${_SALT}{_DIGEST})"
_PHP_BLANKS = b" \t\n\r\0\x0b"


def _affordable(found: Parts) -> bool:
    return int(found["cost"]) in COSTS


def _fits(password: bytes, text: str) -> bool:
    try:
        return bcrypt.checkpw(password[:LOOKED_AT], text.encode())
    except ValueError:  # a salt that is none
        return False


def _over(prepare: Callable[[bytes], bytes]) -> Callable[[Parts, bytes], bool]:
    return lambda found, password: _fits(prepare(password), found["bcrypt"])


def _wordpress(password: bytes) -> bytes:
    """As `wp_hash_password` since 6.8: without the blanks at both ends, under a fixed key."""
    return base64.b64encode(hmac.digest(b"wp-sha384", password.strip(_PHP_BLANKS), "sha384"))


def _django(password: bytes) -> bytes:
    return hashlib.sha256(password).hexdigest().encode()


def _passlib_first(found: Parts, password: bytes) -> bool:
    return _fits(base64.b64encode(hashlib.sha256(password).digest()), _bcrypt_of(found))


def _passlib_second(found: Parts, password: bytes) -> bool:
    keyed = hmac.digest(found["letters"].encode(), password, "sha256")
    return _fits(base64.b64encode(keyed), _bcrypt_of(found))


def _bcrypt_of(found: Parts) -> str:
    return f"${found['kind']}${int(found['cost']):02}${found['letters']}{found['digest']}"


def _scheme(
    name: str, beginnings: tuple[str, ...], form: str, matches: Callable[[Parts, bytes], bool], *other_names: str
) -> Scheme:
    return Scheme(name, beginnings, re.compile(form, re.ASCII), _affordable, matches, other_names)


_LETTERS = rf"(?P<letters>{_SALT})\$(?P<digest>{_DIGEST})"
BCRYPT = (
    _scheme("bcrypt", ("$2a$", "$2b$", "$2y$"), _BCRYPT, _over(bytes), "blf-crypt"),
    _scheme("bcrypt over SHA-384", ("$wp$",), rf"\$wp{_BCRYPT}", _over(_wordpress), "wordpress", "wp", "bcrypt"),
    _scheme("bcrypt over SHA-256", ("bcrypt_sha256$",), rf"bcrypt_sha256\${_BCRYPT}", _over(_django), "bcrypt_sha256"),
    _scheme(
        "bcrypt over SHA-256", ("$bcrypt-sha256$v=2,",),
        rf"\$bcrypt-sha256\$v=2,t=(?P<kind>2[aby]),r=(?P<cost>\d{{1,2}})\${_LETTERS}", _passlib_second, "bcrypt_sha256",
    ),
    _scheme(
        "bcrypt over SHA-256", ("$bcrypt-sha256$2",),
        rf"\$bcrypt-sha256\$(?P<kind>2[aby]),(?P<cost>\d{{1,2}})\${_LETTERS}", _passlib_first, "bcrypt_sha256",
    ),
)  # fmt: skip
