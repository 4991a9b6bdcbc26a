"""Ory Kratos, Supabase Auth and Firebase: scrypt in forms of their own.

Firebase exports the parameters of a project once and salt and hash of each user; the importer writes them together
as Kratos does: `$firescrypt$ln={mem_cost},r={rounds},p=1${salt}${hash}${salt_separator}${signer_key}`.
"""

from __future__ import annotations

from ostiary.directory.passwords.foreign_hashes.spellings.spelling import Found, spelling

_BASE64 = r"[A-Za-z0-9+/_-]+={0,2}"


def _kratos(found: Found) -> str | None:
    """Kratos writes N itself where PHC strings have its logarithm, which is never as large."""
    n = int(found["n"])
    cost = n.bit_length() - 1
    return f"$scrypt$ln={cost}{found['rest']}" if n == 1 << cost else None


def _supabase(found: Found) -> str:
    numbers = f"ln={found['cost']},r={found['block']},p={found['lanes']}"
    return _ordinary(
        f"$firescrypt${numbers}${found['salt']}${found['hash']}${found['separator'] or ''}${found['signer']}"
    )


def _ordinary(text: str) -> str:
    """Converts to the alphabet of RFC 4648 section 4; Firebase exports that of section 5."""
    return text.replace("-", "+").replace("_", "/")


IDENTITY_SERVERS = (
    spelling("Ory Kratos", r"\$scrypt\$ln=(?P<n>\d{3,9})(?P<rest>,r=.+)", _kratos),
    spelling(
        "Supabase Auth",
        r"\$fbscrypt\$v=1,n=(?P<cost>\d{1,2}),r=(?P<block>\d{1,2}),p=(?P<lanes>\d{1,2})"
        rf"(?:,ss=(?P<separator>{_BASE64}))?,sk=(?P<signer>{_BASE64})\$(?P<salt>{_BASE64})\$(?P<hash>{_BASE64})",
        _supabase,
    ),
    spelling("Firebase", r"\$firescrypt\$[^-_]*[-_].*", lambda found: _ordinary(found[0])),
)
