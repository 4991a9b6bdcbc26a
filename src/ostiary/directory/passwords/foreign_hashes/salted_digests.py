"""A digest of the password and a salt, as LDAP servers store one: `{SSHA512}` and base64 of the digest, then the salt.

With SHA-2 and a salt it is taken always; without a salt, with SHA-1 or with MD5 it is weak: all of a directory's
passwords can be guessed in a day. Django and MediaWiki put the salt first and write in hexadecimal; theirs are weak,
too.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable

from ostiary.directory.passwords.foreign_hashes.scheme import PRINTED, Parts, Scheme, halves


def _free(_found: Parts) -> bool:
    return True


def _scheme(label: str, digest: str, *, salted: bool) -> Scheme:
    length = hashlib.new(digest).digest_size
    letters = -(-length * 4 // 3)
    more = 344 if salted else 0
    form = rf"\{{{label}\}}(?P<hash>[A-Za-z0-9/+]{{{letters},{letters + more}}}={{0,2}})"

    def matches(found: Parts, password: bytes) -> bool:
        known, salt = halves(found["hash"], length)
        return len(known) == length and hmac.compare_digest(hashlib.new(digest, password + salt).digest(), known)

    weak = not salted or digest in ("md5", "sha1")
    return Scheme(label, (f"{{{label}}}",), re.compile(form, re.ASCII), _free, matches, weak=weak)


SALTED = tuple(
    _scheme(label, digest, salted=salted)
    for label, digest, salted in (
        ("SSHA512", "sha512", True), ("SSHA384", "sha384", True), ("SSHA256", "sha256", True), ("SSHA", "sha1", True),
        ("SMD5", "md5", True), ("SHA512", "sha512", False), ("SHA384", "sha384", False), ("SHA256", "sha256", False),
        ("SHA", "sha1", False), ("MD5", "md5", False),
    )
)  # fmt: skip


def _django_matches(found: Parts, password: bytes) -> bool:
    made = hashlib.new(found["digest"], found["letters"].encode() + password).hexdigest()
    return hmac.compare_digest(made, found["hexadecimal"])


def _media_wiki_matches(found: Parts, password: bytes) -> bool:
    inner = hashlib.md5(password, usedforsecurity=False).hexdigest()
    made = hashlib.md5(f"{found['letters']}-{inner}".encode(), usedforsecurity=False).hexdigest()
    return hmac.compare_digest(made, found["hexadecimal"])


def _salt_first(name: str, beginning: str, form: str, matches: Callable[[Parts, bytes], bool], own: str) -> Scheme:
    return Scheme(name, (beginning,), re.compile(form, re.ASCII), _free, matches, (own,), weak=True)


_LETTERS = rf"(?P<letters>{PRINTED}{{0,128}})"
_MD5, _SHA1 = r"(?P<hexadecimal>[0-9a-f]{32})", r"(?P<hexadecimal>[0-9a-f]{40})"
SALT_FIRST = (
    _salt_first("Django MD5", "md5$", rf"(?P<digest>md5)\${_LETTERS}\${_MD5}", _django_matches, "md5"),
    _salt_first("Django SHA-1", "sha1$", rf"(?P<digest>sha1)\${_LETTERS}\${_SHA1}", _django_matches, "sha1"),
    _salt_first("MediaWiki MD5", ":B:", rf":B:{_LETTERS}:{_MD5}", _media_wiki_matches, "B"),
)
