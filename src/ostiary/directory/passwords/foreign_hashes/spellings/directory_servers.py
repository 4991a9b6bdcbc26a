"""OpenLDAP, 389 Directory Server and Dovecot: a label in braces, in any case of letters, then the hash."""

from __future__ import annotations

import re

from ostiary.directory.passwords.foreign_hashes.scheme import data, halves, text
from ostiary.directory.passwords.foreign_hashes.spellings.spelling import Found, inner, pbkdf2, spelling

_BASE64 = r"[A-Za-z0-9./+]+={0,2}"
_HEX = r"(?:[0-9a-f]{2})+"
_WRAPPERS = r"CRYPT|CRYPT-\w+|\w+-CRYPT|BCRYPT|ARGON2|ARGON2ID?|ARGON2D|ARGON2-\w+|\w*YESCRYPT"
_DIGESTS = r"S?SHA(?:1|256|384|512)?|S?MD5|LDAP-MD5|PLAIN-MD5"
_BARE_NAMES = {"SHA1": "SHA", "SSHA1": "SSHA", "LDAP-MD5": "MD5", "PLAIN-MD5": "MD5"}
_LENGTHS = {"MD5": 32, "SHA": 40, "SHA256": 64, "SHA384": 96, "SHA512": 128}


def _pbkdf2(found: Found) -> str:
    digest = (found["digest"] or "sha1").lower()
    return pbkdf2(digest, found["iterations"], data(found["salt"]), data(found["hash"]))


def _binary_pbkdf2(found: Found) -> str:
    """Reads four bytes of iterations, 64 of salt, then the value."""
    iterations, rest = halves(found["blob"], 4)
    return pbkdf2("sha256", int.from_bytes(iterations, "big"), rest[:64], rest[64:])


def _dovecot_pbkdf2(found: Found) -> str:
    return pbkdf2("sha1", found["iterations"], found["salt"].encode(), bytes.fromhex(found["hash"]))


def _digest(found: Found) -> str | None:
    """The label in capitals and under its usual name, the digest in base64."""
    label, encoding, value = found["label"].upper(), (found["encoding"] or "").upper(), found["value"]
    label = _BARE_NAMES.get(label, label)
    if encoding == "HEX" or (re.fullmatch(_HEX, value, re.IGNORECASE) and len(value) == _LENGTHS.get(label)):
        value = text(bytes.fromhex(value))
    written = f"{{{label}}}{value}"
    return written if written != found[0] else None


def _capitals(found: Found) -> str | None:
    written = found["label"].upper() + found["value"]
    return written if written != found[0] else None


DIRECTORY_SERVERS = (
    spelling("{CRYPT}", rf"\{{(?:{_WRAPPERS})\}}(?P<inner>.+)", inner, re.IGNORECASE),
    spelling("Dovecot", r"\{MD5\}(?P<inner>\$1\$.+)", inner, re.IGNORECASE),
    spelling(
        "OpenLDAP, 389 Directory Server",
        rf"\{{PBKDF2(?:-(?P<digest>SHA(?:1|256|384|512)))?\}}(?P<iterations>\d{{1,9}})\$(?P<salt>{_BASE64})\$(?P<hash>{_BASE64})",
        _pbkdf2, re.IGNORECASE,
    ),
    spelling("389 Directory Server", r"\{PBKDF2_SHA256\}(?P<blob>[A-Za-z0-9+/=]+)", _binary_pbkdf2, re.IGNORECASE),
    spelling(
        "Dovecot", rf"\{{PBKDF2\}}\$1\$(?P<salt>[^$]+)\$(?P<iterations>\d{{1,9}})\$(?P<hash>{_HEX})",
        _dovecot_pbkdf2, re.IGNORECASE,
    ),
    spelling(
        "LDAP", rf"\{{(?P<label>{_DIGESTS})(?:\.(?P<encoding>HEX|B64))?\}}(?P<value>[A-Za-z0-9+/]+={{0,2}})",
        _digest, re.IGNORECASE,
    ),
    spelling("Dovecot", r"(?P<label>\{SCRAM-SHA-(?:1|256)\})(?P<value>.+)", _capitals, re.IGNORECASE),
    spelling(
        "PostgreSQL", r"SCRAM-SHA-256\$(?P<iterations>\d{1,9}):(?P<salt>[^$:]+)\$(?P<stored>[^$:]+):(?P<server>[^$:]+)",
        lambda found: f"{{SCRAM-SHA-256}}{found['iterations']},{found['salt']},{found['stored']},{found['server']}",
    ),
)  # fmt: skip
