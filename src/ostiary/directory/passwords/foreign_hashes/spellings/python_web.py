"""Django (5.2, 6.1) and Werkzeug (3.1), whose salts are texts."""

from __future__ import annotations

from ostiary.directory.passwords.foreign_hashes.scheme import data
from ostiary.directory.passwords.foreign_hashes.spellings.spelling import Found, inner, pbkdf2, scrypt, spelling

_BASE64 = r"[A-Za-z0-9+/]+={0,2}"
_HEX = r"(?:[0-9a-f]{2})+"
_TEXT = r"[^$]{1,256}"


def _django_pbkdf2(found: Found) -> str:
    return pbkdf2(found["digest"], found["iterations"], found["salt"].encode(), data(found["hash"]))


def _django_scrypt(found: Found) -> str:
    salt, value = found["salt"].encode(), data(found["hash"])
    return scrypt(int(found["n"]), found["block"], found["lanes"], salt, value)


def _werkzeug_pbkdf2(found: Found) -> str:
    return pbkdf2(found["digest"], found["iterations"], found["salt"].encode(), bytes.fromhex(found["hash"]))


def _werkzeug_scrypt(found: Found) -> str:
    salt, value = found["salt"].encode(), bytes.fromhex(found["hash"])
    return scrypt(int(found["n"]), found["block"], found["lanes"], salt, value)


PYTHON_WEB = (
    spelling("Django", r"argon2(?P<inner>\$argon2.+)", inner),
    spelling("Django", r"bcrypt\$(?P<inner>\$2.+)", inner),
    spelling("Django", r"crypt\$[^$]*\$(?P<inner>[./0-9A-Za-z]{13})", inner),
    spelling(
        "Django",
        rf"pbkdf2_(?P<digest>sha256|sha1)\$(?P<iterations>\d{{1,9}})\$(?P<salt>{_TEXT})\$(?P<hash>{_BASE64})",
        _django_pbkdf2,
    ),
    spelling(
        "Django",
        rf"scrypt\$(?P<n>\d{{1,9}})\$(?P<salt>{_TEXT})\$(?P<block>\d{{1,9}})\$(?P<lanes>\d{{1,9}})\$(?P<hash>{_BASE64})",
        _django_scrypt,
    ),
    spelling(
        "Werkzeug",
        rf"pbkdf2:(?P<digest>sha(?:1|224|256|384|512)):(?P<iterations>\d{{1,9}})\$(?P<salt>{_TEXT})\$(?P<hash>{_HEX})",
        _werkzeug_pbkdf2,
    ),
    spelling(
        "Werkzeug",
        rf"scrypt:(?P<n>\d{{1,9}}):(?P<block>\d{{1,9}}):(?P<lanes>\d{{1,9}})\$(?P<salt>{_TEXT})\$(?P<hash>{_HEX})",
        _werkzeug_scrypt,
    ),
)
