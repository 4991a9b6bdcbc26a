"""Spring Security (`{id}` before the hash, or none) and Atlassian's PKCS5S2."""

from __future__ import annotations

import re

from ostiary.directory.passwords.foreign_hashes.scheme import data, halves
from ostiary.directory.passwords.foreign_hashes.spellings.spelling import Found, inner, pbkdf2, scrypt, spelling

_BASE64 = r"[A-Za-z0-9+/]+={0,2}"


def _scrypt(found: Found) -> str:
    """Reads the parameters, a hexadecimal number: the logarithm of N, then r and p in a byte each."""
    numbers = int(found["numbers"], 16)
    cost, block, lanes = numbers >> 16, numbers >> 8 & 255, numbers & 255
    return scrypt(1 << min(cost, 63), block, lanes, data(found["salt"]), data(found["hash"]))


def _pbkdf2(found: Found) -> str:
    """The defaults of Spring Security: until 5.7 SHA-1 with 8 bytes of salt, from 5.8 on SHA-256 with 16."""
    content = bytes.fromhex(found["hash"])
    if len(content) == 40:
        return pbkdf2("sha1", 185_000, content[:8], content[8:])
    return pbkdf2("sha256", 310_000, content[:16], content[16:])


def _atlassian(found: Found) -> str:
    salt, value = halves(found["blob"], 16)
    return pbkdf2("sha1", 10_000, salt, value)


_VERSION = r"(?:@SpringSecurity_v5_[58])?"
JAVA_WEB = (
    spelling("Spring Security", rf"\{{(?:bcrypt|argon2|scrypt){_VERSION}\}}(?P<inner>\$.+)", inner, re.IGNORECASE),
    spelling("Spring Security", rf"\$(?P<numbers>[0-9a-f]{{5,6}})\$(?P<salt>{_BASE64})\$(?P<hash>{_BASE64})", _scrypt),
    spelling(
        "Spring Security", rf"\{{pbkdf2{_VERSION}\}}(?P<hash>[0-9a-f]{{80}}|[0-9a-f]{{96}})", _pbkdf2, re.IGNORECASE
    ),
    spelling("Atlassian", r"\{PKCS5S2\}(?P<blob>[A-Za-z0-9+/]{64})", _atlassian, re.IGNORECASE),
)
