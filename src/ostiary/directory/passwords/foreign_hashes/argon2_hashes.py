"""argon2 hashes (RFC 9106) in PHC form, our own hashes among them."""

from __future__ import annotations

import re

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from ostiary.directory.passwords.foreign_hashes.scheme import MAX_FILLED, MAX_MEMORY, Parts, Scheme

_VERIFIER = argon2.PasswordHasher()


def _affordable(found: Parts) -> bool:
    memory, passes, lanes = (int(found[name]) for name in ("memory", "passes", "lanes"))
    kib = MAX_MEMORY >> 10
    return 8 * lanes <= memory <= kib and 1 <= lanes <= 16 and passes >= 1 and memory * passes <= MAX_FILLED >> 10


def _matches(found: Parts, password: bytes) -> bool:
    try:
        return _VERIFIER.verify(found[0], password)
    except (VerificationError, InvalidHashError):
        return False


def _scheme(kind: str) -> Scheme:
    form = rf"\${kind}\$(?:v=(?:16|19)\$)?m=(?P<memory>\d{{1,9}}),t=(?P<passes>\d{{1,9}}),p=(?P<lanes>\d{{1,9}})"
    form += r"\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{22,171}"
    return Scheme(
        kind, (f"${kind}$",), re.compile(form, re.ASCII), _affordable, _matches,
        memory_kib=lambda found: int(found["memory"]),
    )  # fmt: skip


ARGON2 = tuple(map(_scheme, ("argon2id", "argon2i", "argon2d")))
