"""passlib (libpass 1.9), its older relatives, and GRUB."""

from __future__ import annotations

from ostiary.directory.passwords.foreign_hashes.scheme import data
from ostiary.directory.passwords.foreign_hashes.spellings.spelling import Found, pbkdf2, spelling

_BASE64 = r"[A-Za-z0-9./+]+={0,2}"
_URL_BASE64 = r"[A-Za-z0-9_-]+={0,2}"
_HEX = r"(?:[0-9A-Fa-f]{2})+"


def _url_data(text: str) -> bytes:
    return data(text.replace("-", "+").replace("_", "/"))


def _cta(found: Found) -> str:
    return pbkdf2("sha1", int(found["iterations"], 16), _url_data(found["salt"]), _url_data(found["hash"]))


def _dlitz(found: Found) -> str:
    """Reads a hash whose salt is the text before the hash, unchanged."""
    return pbkdf2("sha1", int(found["iterations"] or "190", 16), found["head"].encode(), data(found["hash"]))


def _scram(found: Found) -> str:
    """Reads passlib's SCRAM, which contains the salted password of each digest; the last one is SHA-512."""
    return pbkdf2("sha512", found["iterations"], data(found["salt"]), data(found["hash"]))


def _grub(found: Found) -> str:
    return pbkdf2("sha512", found["iterations"], bytes.fromhex(found["salt"]), bytes.fromhex(found["hash"]))


PASSWORD_LIBRARIES = (
    spelling("passlib", r"\$pbkdf2\$(?P<rest>.+)", lambda found: f"$pbkdf2-sha1${found['rest']}"),
    spelling(
        "passlib", rf"\$p5k2\$(?P<iterations>[0-9a-f]{{1,7}})\$(?P<salt>{_URL_BASE64})\$(?P<hash>{_URL_BASE64}=)", _cta
    ),
    spelling(
        "passlib", rf"(?P<head>\$p5k2\$(?P<iterations>[0-9a-f]{{0,7}})\$[./0-9A-Za-z]+)\$(?P<hash>{_BASE64})", _dlitz
    ),
    spelling(
        "passlib", rf"\$scram\$(?P<iterations>\d{{1,9}})\$(?P<salt>{_BASE64})\$.*sha-512=(?P<hash>[A-Za-z0-9./+]+).*",
        _scram,
    ),
    spelling(
        "GRUB", rf"grub\.pbkdf2\.sha512\.(?P<iterations>\d{{1,9}})\.(?P<salt>{_HEX})\.(?P<hash>{_HEX})", _grub
    ),
)  # fmt: skip
