"""Apache's `$apr1$` of .htpasswd files: MD5-crypt under a name of its own, which crypt(3) does not know. Weak."""

from __future__ import annotations

import hashlib
import hmac
import re
from functools import partial

from ostiary.directory.passwords.foreign_hashes.portable_hashes import written
from ostiary.directory.passwords.foreign_hashes.scheme import PRINTED, Parts, Scheme

_MAGIC = b"$apr1$"
_ROUNDS = 1_000
_ORDER = (12, 6, 0, 13, 7, 1, 14, 8, 2, 15, 9, 3, 5, 10, 4, 11)
"""The order in which the bytes of the digest are written."""


_md5 = partial(hashlib.md5, usedforsecurity=False)


def _free(_found: Parts) -> bool:
    return True


def _digest(password: bytes, salt: bytes) -> bytes:
    inner = _md5(password + salt + password).digest()
    start = password + _MAGIC + salt + (inner * (len(password) // 16 + 1))[: len(password)]
    place = len(password)
    while place:
        start += b"\0" if place & 1 else password[:1]
        place >>= 1
    made = _md5(start).digest()
    for number in range(_ROUNDS):
        odd = number & 1
        middle = (salt if number % 3 else b"") + (password if number % 7 else b"")
        made = _md5((password if odd else made) + middle + (made if odd else password)).digest()
    return made


def _matches(found: Parts, password: bytes) -> bool:
    made = _digest(password, found["letters"].encode())
    return hmac.compare_digest(written(bytes(made[place] for place in _ORDER)), found["digest"])


APACHE_MD5 = Scheme(
    "apr1", ("$apr1$",),
    re.compile(rf"\$apr1\$(?P<letters>{PRINTED}{{1,8}})\$(?P<digest>[./0-9A-Za-z]{{22}})", re.ASCII),
    _free, _matches, ("apache-md5", "md5-crypt", "apr-md5-crypt"), weak=True,
)  # fmt: skip
