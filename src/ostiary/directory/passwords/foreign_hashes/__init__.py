"""Password hashes that another system made: which ones an import accepts, and how a password is compared with one.

A hash comes in three steps. It is *respelled*: other systems' ways of writing become the form of a scheme
(`spellings/`, a module a family). Its *scheme* is found by how the text begins (`*_hashes.py`). And it is *weighed*:
the importer chooses the parameters, so what a comparison may cost is bounded, about a second of one core and 256 MiB
at most. What is stored is the form of the scheme. Compare on the hashing threads only (`directory.passwords`).
"""

from __future__ import annotations

from ostiary.directory.passwords.foreign_hashes.apache_md5 import APACHE_MD5
from ostiary.directory.passwords.foreign_hashes.argon2_hashes import ARGON2
from ostiary.directory.passwords.foreign_hashes.bcrypt_hashes import BCRYPT
from ostiary.directory.passwords.foreign_hashes.crypt_hashes import CRYPT
from ostiary.directory.passwords.foreign_hashes.pbkdf2_hashes import PBKDF2
from ostiary.directory.passwords.foreign_hashes.portable_hashes import PORTABLE
from ostiary.directory.passwords.foreign_hashes.salted_digests import SALT_FIRST, SALTED
from ostiary.directory.passwords.foreign_hashes.scheme import Parts, Scheme
from ostiary.directory.passwords.foreign_hashes.scrypt_hashes import SCRYPT
from ostiary.directory.passwords.foreign_hashes.spellings import respelled
from ostiary.directory.passwords.foreign_hashes.unknown_forms import described
from ostiary.errors import DomainError, invalid

MAX_TEXT = 2_048
"""Letters of a hash."""
SCHEMES = (*ARGON2, *BCRYPT, *SCRYPT, *PBKDF2, *PORTABLE, *SALTED, *SALT_FIRST, APACHE_MD5, *CRYPT)
_BY_BEGINNING = tuple((scheme.beginnings, scheme) for scheme in SCHEMES)


def scheme_name(text: str) -> str:
    """The scheme of a stored hash, as exports call it; empty if it is of none."""
    scheme, _found = _read(text)
    return scheme.name if scheme else ""


def memory_kib(text: str) -> int:
    """The memory that a stored hash fills at each comparison; 0 for schemes that are not hard by memory."""
    scheme, found = _read(text)
    return scheme.memory_kib(found) if scheme and found else 0


def argon2_passes(text: str) -> int:
    """The passes of a stored argon2 over its memory; 0 for other schemes."""
    scheme, found = _read(text)
    return int(found["passes"]) if scheme in ARGON2 and found else 0


def check_hash(given: str, algorithm: str = "", *, weak: bool = False) -> str:
    """The form in which a hash is stored, when passwords can be compared with it at a bearable cost.

    `algorithm` is what the caller says that it is, in any case of letters; empty says nothing. `weak`: whether the
    operator allows bare MD5, SHA-1 and DES. Raises UNKNOWN_HASH, HASH_TOO_EXPENSIVE, HASH_ALGORITHM_MISMATCH.
    """
    text = respelled(given) if len(given) <= MAX_TEXT else ""
    scheme, found = _read(text)
    if scheme is None or found is None:
        raise _unknown(described(given) or "nothing that is known here")
    if scheme.weak and not weak:
        raise _unknown(f"{scheme.name}, which is weak: an operator can allow it with the setting weak_hashes")
    if not scheme.available():
        raise _unknown(f"{scheme.name}, which the crypt(3) of this server's system cannot calculate")
    if not _is_called(algorithm, scheme, given, text):
        message = f"passwordHashAlg says {algorithm[:64]!r}, but the hash is one of {scheme.name}."
        raise invalid("HASH_ALGORITHM_MISMATCH", message, scim_type="invalidValue")
    if not scheme.affordable(found):
        message = (
            f"The parameters of this {scheme.name} hash are out of its bounds, or would cost too much at each sign-in."
        )
        raise invalid("HASH_TOO_EXPENSIVE", message, scim_type="invalidValue")
    return text


def hash_matches(text: str, password: bytes) -> bool:
    """Whether a password, in UTF-8, is the one behind a hash, of our own or one that `check_hash` let in. Slow.

    One with NUL fits argon2 only: HMAC, of which PBKDF2 and scrypt are made, does not see NULs at the end, and for
    bcrypt and crypt(3) a password ends at the first.
    """
    scheme, found = _read(text)
    if scheme is None or found is None or (b"\0" in password and scheme not in ARGON2):
        return False
    return scheme.matches(found, password)


def _read(text: str) -> tuple[Scheme | None, Parts | None]:
    """The scheme of a hash in its stored form, and its parts."""
    for beginnings, scheme in _BY_BEGINNING:
        if text.startswith(beginnings):
            found = scheme.read(text)
            if found is not None:
                return scheme, found
    return None, None


def _is_called(algorithm: str, scheme: Scheme, *spelled: str) -> bool:
    """Whether `algorithm` is a name of the scheme or the beginning of one, or what the hash itself begins with."""
    asked = _plain(algorithm)
    names = (scheme.name, *scheme.other_names)
    prefixes = (one.lstrip("${:").replace("}", "$").partition("$")[0] for one in spelled)
    return any(_plain(name).startswith(asked) for name in (*names, *prefixes))


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _unknown(seen: str) -> DomainError:
    message = (
        f"The hash has a form that is not taken. It looks like {seen}. Taken are argon2, bcrypt, scrypt and PBKDF2 in "
        "PHC form ($argon2id$v=19$m=…, $2b$…, $scrypt$ln=…, $pbkdf2-sha512$…) and the forms of other systems that "
        "docs/exports.md lists."
    )
    return invalid("UNKNOWN_HASH", message, scim_type="invalidValue")


__all__ = ["MAX_TEXT", "SCHEMES", "argon2_passes", "check_hash", "hash_matches", "memory_kib", "scheme_name"]
