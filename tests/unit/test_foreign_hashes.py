"""Hashes that other systems made: known ones are compared, and none can be made to cost too much."""

from __future__ import annotations

import base64
import time

import bcrypt
import pytest

from ostiary.directory.foreign_hashes import check_hash, hash_matches, scheme_name
from ostiary.errors import DomainError

RFC_7914 = (  # section 12: "password", "NaCl", N=1024, r=8, p=16
    "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360"
    "cbdfa2cc0640"
)


def b64(data: bytes) -> str:
    return base64.b64encode(data).rstrip(b"=").decode()


KNOWN = [
    # (scheme, hash, password): vectors that others published
    ("bcrypt", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"),
    ("bcrypt", "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"),
    ("scrypt", f"$scrypt$ln=10,r=8,p=16${b64(b'NaCl')}${b64(bytes.fromhex(RFC_7914))}", "password"),
    (
        "PBKDF2WithHmacSHA256",
        "$pbkdf2-sha256$1212$4vjV83LKPjQzk31VI4E0Vw$hsYF68OiOUPdDZ1Fg.fJPeq1h/gXXY7acBp9/6c.tmQ",
        "password",
    ),
    (
        "PBKDF2WithHmacSHA512",
        "$pbkdf2-sha512$1212$RHY0Fr3IDMSVO/RSZyb5ow$eNLfBK.eVozomMr.1gYa17k9B7KIK25NOEshvhrSX.esqY3s.FvWZViXz4KoLlQI.BzY"
        "/YTNJOiKc5gBYFYGww",
        "password",
    ),
    (
        "PBKDF2WithHmacSHA512",
        "$pbkdf2-sha512$i=1212,l=64$RHY0Fr3IDMSVO/RSZyb5ow$eNLfBK+eVozomMr+1gYa17k9B7KIK25NOEshvhrSX+esqY3s+FvWZViXz4KoL"
        "lQI+BzY/YTNJOiKc5gBYFYGww==",
        "password",
    ),
    ("argon2i", "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8", "password"),
    ("argon2id", "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "password"),
]


@pytest.mark.parametrize(("scheme", "text", "password"), KNOWN)
def test_a_published_hash_is_known_and_fits_its_password_and_no_other(scheme: str, text: str, password: str) -> None:
    assert check_hash(text) == text
    assert check_hash(text, scheme.upper()) == text, "the name of an algorithm is compared in any case"
    assert scheme_name(text) == scheme
    assert hash_matches(text, password.encode())
    assert not hash_matches(text, password.encode() + b"x")


def test_bcrypt_compares_what_bcrypt_looks_at() -> None:
    text = bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)).decode()
    assert hash_matches(text, b"x" * 80)
    assert not hash_matches(text, b"x" * 71)


SALT, HASH = b64(b"s" * 16), b64(b"h" * 32)
TOO_EXPENSIVE = [
    f"$argon2id$v=19$m=4194304,t=1,p=1${SALT}${HASH}",
    f"$argon2id$v=19$m=65536,t=1000,p=1${SALT}${HASH}",
    f"$argon2id$v=19$m=999999999,t=999999999,p=999999999${SALT}${HASH}",
    f"$argon2id$v=19$m=65536,t=0,p=1${SALT}${HASH}",
    f"$argon2id$v=19$m=65536,t=3,p=64${SALT}${HASH}",
    f"$argon2id$v=19$m=7,t=3,p=1${SALT}${HASH}",
    f"$scrypt$ln=30,r=8,p=1${SALT}${HASH}",
    f"$scrypt$ln=999999999,r=8,p=1${SALT}${HASH}",
    f"$scrypt$ln=20,r=8,p=1${SALT}${HASH}",
    f"$scrypt$ln=17,r=8,p=16${SALT}${HASH}",
    f"$scrypt$ln=0,r=8,p=1${SALT}${HASH}",
    f"$pbkdf2-sha512$999999999${SALT}${HASH}",
    f"$pbkdf2-sha512$0${SALT}${HASH}",
    "$2b$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
    "$2b$15$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
    "$2b$03$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
]
UNKNOWN = [
    "", "$", "$$$$", "plain text", "$1$abcdefgh$0123456789abcdefghijkl", "$6$salt$hash", "$2x$05$" + "C" * 53,
    "$2b$05$short", "$2b$05$" + "C" * 54, "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$dG9vc2hvcnQ",
    f"$argon2id$v=20$m=256,t=2,p=1${SALT}${HASH}", f"$argon2id$v=19$m=-1,t=2,p=1${SALT}${HASH}",
    f"$pbkdf2-sha512$1000${SALT}$dG9vc2hvcnQ", f"$pbkdf2-sha1$1000${SALT}${HASH}",
    f"$pbkdf2-sha512$1000${'A' * 5}${HASH}", f"$pbkdf2-sha512$1000${SALT}${'A' * 257}",
    f"$pbkdf2-sha512$1000${SALT}${HASH}\n", f"$scrypt$ln=14,r=8,p=1${SALT}${HASH}$more", "$argon2id$" + "A" * 100_000,
    f"$pbkdf2-sha512$\u0661000${SALT}${HASH}\u0661",
]  # fmt: skip


@pytest.mark.parametrize(
    ("texts", "reason"),
    [(TOO_EXPENSIVE, "HASH_TOO_EXPENSIVE"), (UNKNOWN, "UNKNOWN_HASH")],
    ids=["expensive", "unknown"],
)
def test_what_cannot_be_borne_or_read_is_refused_at_once(texts: list[str], reason: str) -> None:
    began = time.process_time()
    for text in texts:
        with pytest.raises(DomainError) as refused:
            check_hash(text)
        assert refused.value.reason == reason, text
    assert time.process_time() - began < 0.5, "nothing was calculated"


@pytest.mark.parametrize("text", UNKNOWN)
def test_an_unknown_hash_fits_no_password(text: str) -> None:
    assert not hash_matches(text, b"password")


def test_a_hash_that_is_not_what_its_name_says_is_refused() -> None:
    with pytest.raises(DomainError) as refused:
        check_hash(KNOWN[0][1], "PBKDF2WithHmacSHA512")
    assert refused.value.reason == "HASH_ALGORITHM_MISMATCH"
