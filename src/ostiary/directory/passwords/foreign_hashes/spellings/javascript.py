"""AdonisJS, the @phc packages and better-auth, which write PHC strings of their own kind."""

from __future__ import annotations

import base64

from ostiary.directory.passwords.foreign_hashes.scheme import data
from ostiary.directory.passwords.foreign_hashes.spellings.spelling import Found, scrypt, spelling

_BASE64 = r"[A-Za-z0-9+/]+={0,2}"
_ORDINARY = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_BCRYPTS = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_TO_BCRYPT = str.maketrans(_ORDINARY, _BCRYPTS)


def _bcrypt(found: Found) -> str:
    """`v` is the letter of `$2b$` as a number."""
    salt, value = (base64.b64encode(data(found[name])).decode().rstrip("=") for name in ("salt", "hash"))
    letters = (salt + value).translate(_TO_BCRYPT)
    return f"$2{chr(int(found['version']))}${int(found['cost']):02}${letters}"


def _scrypt(found: Found) -> str:
    return scrypt(int(found["n"]), found["block"], found["lanes"], data(found["salt"]), data(found["hash"]))


def _better_auth(found: Found) -> str:
    """The salt is its hexadecimal text; the password was brought to NFKC."""
    return scrypt(16_384, 16, 1, found["salt"].encode(), bytes.fromhex(found["hash"]), "scrypt-nfkc")


def _argon2(found: Found) -> str:
    named = dict(part.split("=") for part in found["numbers"].split(","))
    return f"{found['start']}m={named['m']},t={named['t']},p={named['p']}{found['rest']}"


JAVASCRIPT = (
    spelling(
        "AdonisJS",
        rf"\$scrypt\$n=(?P<n>\d{{1,9}}),r=(?P<block>\d{{1,9}}),p=(?P<lanes>\d{{1,9}})\$(?P<salt>{_BASE64})\$(?P<hash>{_BASE64})",
        _scrypt,
    ),
    spelling(
        "AdonisJS",
        rf"\$bcrypt\$v=(?P<version>9[78]|121)\$r=(?P<cost>\d{{1,2}})\$(?P<salt>{_BASE64})\$(?P<hash>{_BASE64})",
        _bcrypt,
    ),
    # m, t, p is the order of RFC 9106; PHC strings of JavaScript have any.
    spelling(
        "@phc/argon2",
        r"(?P<start>\$argon2(?:id|i|d)\$v=\d\d\$)(?P<numbers>(?!m=\d+,t=)[mtp]=\d{1,9},[mtp]=\d{1,9},[mtp]=\d{1,9})"
        r"(?P<rest>\$.+)",
        _argon2,
    ),
    spelling("better-auth", r"(?P<salt>[0-9a-f]{32}):(?P<hash>[0-9a-f]{128})", _better_auth),
)
