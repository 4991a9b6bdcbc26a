"""MediaWiki (1.39): a type between colons, then the parameters."""

from __future__ import annotations

from ostiary.directory.passwords.foreign_hashes.scheme import data, text
from ostiary.directory.passwords.foreign_hashes.spellings.spelling import Found, inner, pbkdf2, spelling

_BASE64 = r"[A-Za-z0-9+/]+={0,2}"


def _pbkdf2(found: Found) -> str:
    return pbkdf2(found["digest"], found["iterations"], data(found["salt"]), data(found["hash"]))


def _layers(found: Found) -> str:
    first = f",{found['first']}" if found["first"] else ""
    salt, value = text(data(found["salt"])), text(data(found["hash"]))
    return f"$pbkdf2-md5-{found['digest']}${found['iterations']}{first}${salt}${value}"


MEDIA_WIKI = (
    spelling(
        "MediaWiki",
        r":pbkdf2-legacy[AB]:!(?P<digest>sha(?:1|256|384|512)):(?P<iterations>\d{1,9}):\d{1,3}!(?P<first>[0-9A-Za-z]{0,64})"
        rf"!(?P<salt>{_BASE64})!(?P<hash>{_BASE64})",
        _layers,
    ),
    spelling(
        "MediaWiki",
        rf":pbkdf2:(?P<digest>sha(?:1|224|256|384|512)):(?P<iterations>\d{{1,9}}):\d{{1,3}}:(?P<salt>{_BASE64}):(?P<hash>{_BASE64})",
        _pbkdf2,
    ),
    spelling("MediaWiki", r":A:(?P<hex>[0-9a-f]{32})", lambda found: f"{{MD5}}{text(bytes.fromhex(found['hex']))}"),
    spelling("MediaWiki", r":argon2:(?P<inner>\$argon2.+)", inner),
    spelling(
        "MediaWiki", r":bcrypt:(?P<cost>\d{1,2})\$(?P<salt>[./A-Za-z0-9]{22})\$(?P<hash>[./A-Za-z0-9]{31})",
        lambda found: f"$2y${int(found['cost']):02}${found['salt']}{found['hash']}",
    ),
)  # fmt: skip
