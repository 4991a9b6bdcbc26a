"""ASP.NET Core Identity: base64 of a version byte and what it says. Version 3 is PBKDF2 with its parameters, big-endian
(digest, iterations, length of the salt, salt, value); version 2 is SHA-1, 1,000 iterations, 16 and 32 bytes."""

from __future__ import annotations

import struct

from ostiary.directory.passwords.foreign_hashes.scheme import data
from ostiary.directory.passwords.foreign_hashes.spellings.spelling import Found, pbkdf2, spelling

_DIGESTS = ("sha1", "sha256", "sha512")
_HEAD = struct.Struct(">BIII")


def _third(found: Found) -> str | None:
    content = data(found[0])
    if len(content) < _HEAD.size:
        return None
    version, digest, iterations, length = _HEAD.unpack_from(content)
    salt, value = content[_HEAD.size : _HEAD.size + length], content[_HEAD.size + length :]
    if version != 1 or digest >= len(_DIGESTS) or len(salt) < 8 or len(value) < 16:
        return None
    return pbkdf2(_DIGESTS[digest], iterations, salt, value)


def _second(found: Found) -> str | None:
    content = data(found[0])
    return pbkdf2("sha1", 1_000, content[1:17], content[17:]) if content[0] == 0 else None


DOT_NET = (
    spelling("ASP.NET Core Identity 3", r"AQAAAA[A-Za-z0-9+/]{40,400}={0,2}", _third),
    spelling("ASP.NET Identity 2", r"A[A-P][A-Za-z0-9+/]{64}==", _second),
)
