"""Hashes that other systems made: known ones are compared, and none can be made to cost too much."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
import time

import bcrypt
import pytest
from argon2 import PasswordHasher
from hypothesis import given, settings
from hypothesis import strategies as st
from kit.accounts.foreign_hashes import ALL, REFUSED, TAKEN, WEAK, ForeignHash
from kit.cases import in_one_test

from ostiary.directory.passwords.foreign_hashes import (
    MAX_TEXT,
    SCHEMES,
    check_hash,
    hash_matches,
    memory_kib,
    scheme_name,
)
from ostiary.directory.passwords.foreign_hashes.system_crypt import LONGEST, crypt
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
    f"$pbkdf2-sha512$2000000${SALT}${b64(b'h' * 192)}",  # three blocks an iteration
    f"$pbkdf2-sha256$1000001${SALT}${b64(b'h' * 33)}",
    f"$pbkdf2-sha1$2000001${SALT}${b64(b'h' * 64)}",
    f"pbkdf2_sha256$2000001$salt${b64(b'h' * 32)}",
    f"pbkdf2:sha512:700000$salt${'68' * 192}",
    "scrypt:1048576:8:1$salt$" + "68" * 64,
    f"$scrypt$ln=1048576,r=8,p=1${SALT}${HASH}",
    f"$firescrypt$ln=18,r=16,p=1${SALT}${HASH}$Bw==${HASH}",
    f"{{SCRAM-SHA-256}}1000001,{SALT},{HASH},{HASH}",
    "$6$rounds=999999999$abcdefgh$" + "C" * 86,
    "$6$rounds=1000001$abcdefgh$" + "C" * 86,
    "$5$rounds=1500001$abcdefgh$" + "C" * 43,
    "$y$jFT$abcdefgh$" + "C" * 43,  # 1 GiB
    "$7$IU..../....abcdefgh$" + "C" * 43,
    "$7$CU..../0...abcdefgh$" + "C" * 43,  # p = 65
    "$P$M" + "C" * 30,
    "$S$L" + "C" * 51,
    "$wp$2y$15$" + "C" * 53,
    "bcrypt_sha256$$2b$15$" + "C" * 53,
]
UNKNOWN = [
    "", "$", "$$$$", "plain text", "$1$abcdefgh$0123456789abcdefghijkl", "$6$salt$hash", "$2x$05$" + "C" * 53,
    "$2b$05$short", "$2b$05$" + "C" * 54, "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$dG9vc2hvcnQ",
    f"$argon2id$v=20$m=256,t=2,p=1${SALT}${HASH}", f"$argon2id$v=19$m=-1,t=2,p=1${SALT}${HASH}",
    f"$pbkdf2-sha512$1000${SALT}$dG9vc2hvcnQ", f"$pbkdf2-md5$1000${SALT}${HASH}",
    f"$pbkdf2-sha512$1000${'A' * 5}${HASH}", f"$pbkdf2-sha512$1000${SALT}${'A' * 345}",
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


def refusal_of(text: str) -> str:
    """Why a text is refused; empty when it is taken, and then its stored form is its own."""
    try:
        stored = check_hash(text, weak=True)
    except DomainError as error:
        return error.reason
    assert stored.isascii(), "every database can keep it"
    assert stored.isprintable()
    return "" if check_hash(stored, weak=True) == stored else "another form the second time"


@given(st.sampled_from(ALL), st.data())
@settings(max_examples=100, deadline=None)
def test_a_text_is_taken_whole_or_refused_in_a_sentence(one: ForeignHash, drawn: st.DataObject) -> None:
    place, cut = drawn.draw(st.integers(0, len(one.hash))), drawn.draw(st.integers(0, 5))
    more = drawn.draw(st.one_of(st.text(max_size=3), st.text("$:{}=,.+/-_09aZA", max_size=60), st.just("A" * 1_900)))
    changed = one.hash[:place] + more + one.hash[place + cut :]
    assert refusal_of(changed) in ("", "UNKNOWN_HASH", "HASH_TOO_EXPENSIVE")


@pytest.mark.parametrize("text", UNKNOWN)
def test_an_unknown_hash_fits_no_password(text: str) -> None:
    assert not hash_matches(text, b"password")


def test_a_hash_that_is_not_what_its_name_says_is_refused() -> None:
    with pytest.raises(DomainError) as refused:
        check_hash(KNOWN[0][1], "PBKDF2WithHmacSHA512")
    assert refused.value.reason == "HASH_ALGORITHM_MISMATCH"


@in_one_test("one", TAKEN, lambda one: one.id)
def test_a_hash_of_another_system_is_taken_under_the_name_of_its_scheme(one: ForeignHash) -> None:
    stored = check_hash(one.hash)
    assert (scheme_name(stored), check_hash(stored)) == (one.scheme, stored)


@in_one_test("one", WEAK, lambda one: one.id)
def test_a_weak_hash_is_named_and_taken_only_where_it_is_allowed(one: ForeignHash) -> None:
    with pytest.raises(DomainError, match="weak_hashes") as refused:
        check_hash(one.hash)
    assert (refused.value.reason, one.scheme in refused.value.message) == ("UNKNOWN_HASH", True)
    stored = check_hash(one.hash, weak=True)
    assert scheme_name(stored) == one.scheme
    assert hash_matches(stored, one.password.encode())
    assert not hash_matches(stored, b"D" + one.password.encode()[1:])


@in_one_test("one", REFUSED, lambda one: one.id)
def test_a_hash_that_is_not_taken_is_told_by_what_it_looks_like(one: ForeignHash) -> None:
    with pytest.raises(DomainError, match=re.escape(one.looks_like)) as refused:
        check_hash(one.hash, weak=True)
    assert refused.value.reason == "UNKNOWN_HASH"


@in_one_test("one", [one for one in ALL if one.scheme], lambda one: one.id)
def test_what_a_hash_begins_with_is_a_name_of_it(one: ForeignHash) -> None:
    own = re.match(r"[$:{]?([A-Za-z][A-Za-z0-9_-]*)[@.$:}]", one.hash)
    for name in (one.scheme, one.scheme.upper(), *([own[1]] if own else [])):
        check_hash(one.hash, name, weak=True)
    with pytest.raises(DomainError, match="HASH_ALGORITHM_MISMATCH"):
        check_hash(one.hash, "rot13", weak=True)


@pytest.mark.parametrize("label", ["{SSHA512}", "{ssha512}", "{Ssha512}"])
@pytest.mark.parametrize("salt", [1, 4, 8, 16, 255])
def test_a_salt_has_any_length_and_a_label_any_case(label: str, salt: int) -> None:
    text = label + base64.b64encode(hashlib.sha512(b"secret" + b"s" * salt).digest() + b"s" * salt).decode()
    stored = check_hash(text)
    assert hash_matches(stored, b"secret")
    assert not hash_matches(stored, b"secrets")


def test_what_a_comparison_costs_is_what_is_compared() -> None:
    """With SHA-1 the first 20 bytes decide, which Keycloak's 64 with 1,300,000 iterations need."""
    value = hashlib.pbkdf2_hmac("sha1", b"secret", b"s" * 16, 1_000, 64)
    longer = f"$pbkdf2-sha1$1000${SALT}${b64(value)}"
    assert hash_matches(check_hash(longer), b"secret")
    assert hash_matches(check_hash(f"$pbkdf2-sha1$1000${SALT}${b64(value[:20] + b'?' * 44)}"), b"secret")
    check_hash(longer.replace("$1000$", "$1300000$"))


def test_a_password_with_nul_fits_no_hash_that_does_not_see_it() -> None:
    """HMAC fills keys up with NUL, so PBKDF2 and scrypt do not see those at the end of a password."""
    value = hashlib.pbkdf2_hmac("sha256", b"secret\0", b"s" * 16, 1_000)
    assert value == hashlib.pbkdf2_hmac("sha256", b"secret", b"s" * 16, 1_000)
    stored = check_hash(f"$pbkdf2-sha256$1000${SALT}${b64(value)}")
    assert (hash_matches(stored, b"secret"), hash_matches(stored, b"secret\0")) == (True, False)
    ours = PasswordHasher(1, 8, 1).hash(b"secret\0")
    assert (hash_matches(ours, b"secret\0"), hash_matches(ours, b"secret")) == (True, False)


@pytest.mark.parametrize("algorithm", ["firebase", "sha-512 of Acme", "pbkdf2"])
@pytest.mark.parametrize("as_text", [True, False])
def test_a_credential_of_keycloak_is_named_by_its_algorithm(algorithm: str, as_text: bool) -> None:
    form = json.dumps if as_text else dict
    parts = {"secretData": {"value": b64(b"v" * 10), "salt": b64(b"s")}, "credentialData": {"algorithm": algorithm}}
    with pytest.raises(DomainError, match=f"Keycloak with the algorithm {algorithm}, but"):
        check_hash(json.dumps({name: form(part) for name, part in parts.items()}))


def test_a_password_that_would_cost_too_much_is_not_compared() -> None:
    """SHA-crypt and phpass hash the password anew each round."""
    for text in ("$6$rounds=900000$abcdefgh$" + "C" * 86, "$5$rounds=1000000$abcdefgh$" + "C" * 43,
                 "$P$H" + "C" * 30):  # fmt: skip
        began = time.process_time()
        assert not hash_matches(check_hash(text), b"x" * 500)
        assert time.process_time() - began < 0.2


def test_passwords_are_prepared_as_the_other_system_did() -> None:
    better_auth = next(one for one in TAKEN if one.form == "nfkc")
    word_press = next(one for one in TAKEN if one.form == "wp_hash_password")
    for one, fits, other in ((better_auth, "\ufb01sh-and-chips 1\u20442", "fish and chips 1\u20442"),
                             (better_auth, "fish-and-chips \u00bd", "Fish-and-chips \u00bd"),
                             (word_press, " difference engine\n", "difference\tengine")):  # fmt: skip
        stored = check_hash(one.hash)
        assert hash_matches(stored, fits.encode())
        assert not hash_matches(stored, other.encode())


def test_other_threads_go_on_while_crypt_calculates() -> None:
    ended, rounds = threading.Event(), 0

    def calculate() -> None:
        assert crypt(b"secret", "$6$rounds=200000$abcdefgh$")
        ended.set()

    threading.Thread(target=calculate).start()
    while not ended.is_set():
        time.sleep(0.001)
        rounds += 1
    assert rounds > 5, "held back, this thread would come round once"


def test_crypt_is_not_asked_for_what_it_would_cut() -> None:
    whole = crypt(b"secret", "$6$rounds=1000$ab$")
    assert whole is not None
    assert not hash_matches(whole, b"secret\0and more")
    assert (crypt(b"x" * LONGEST, "$6$rounds=1000$ab$") is None, crypt(b"x" * 600, "$6$rounds=1000$ab$")) == (
        False,
        None,
    )
    assert crypt(b"secret", "$nobody knows$") is None


def test_every_scheme_says_what_memory_it_fills() -> None:
    sizes = {one.scheme: memory_kib(check_hash(one.hash, weak=True)) for one in ALL if one.scheme}
    hard = {name for name, size in sizes.items() if size}
    assert hard == {"argon2id", "argon2i", "scrypt", "scrypt over NFKC", "Firebase scrypt", "yescrypt", "gost-yescrypt",
                    "scrypt-crypt"}  # fmt: skip
    assert (sizes["yescrypt"], sizes["scrypt-crypt"]) == (16 << 10, 64 << 10)


def test_each_scheme_is_held_by_a_hash_that_its_own_software_made() -> None:
    held = {one.scheme for one in ALL}
    rare = {"argon2d", "PBKDF2WithHmacSHA384", "PBKDF2WithHmacSHA224"}
    assert {scheme.name for scheme in SCHEMES} - rare <= held


@pytest.mark.parametrize(
    "text",
    [
        '{"secretData": 5, "credentialData": []}', '{"secretData": "{", "credentialData": "{}"}', '{"a": ' * 300,
        '{"algorithm": "argon2", "value": "QQ==", "salt": "QQ==", "hashIterations": 1}', '{"algorithm": ["pbkdf2"]}',
        '{"algorithm": "pbkdf2", "value": "QUFBQUFBQUFBQUFBQUFBQUFB", "salt": "QUFB", "hashIterations": "many"}',
        "{SSHA512}", "{SSHA512}QUFB", "{PBKDF2_SHA256}QUFB", "{}", "{CRYPT}", "{CRYPT}{CRYPT}{CRYPT}{CRYPT}{CRYPT}x",
        "AQAAAA" + "A" * 44, "AQAAAAMAAAD6AAAAEAhftMyfTJylOlZT+eEotFXd1elee8ih5WsjXaR3PA9M", "A" * 70, "$e0801$x$y",
        "$firescrypt$ln=14,r=8,p=1$42xEC+ixf3L2lw==$" + "A" * 88 + "$Bw==$" + "A" * 85,
        "$scrypt$n=16383,r=8,p=1$QUFB$" + "A" * 86, "scrypt:0:8:1$salt$" + "68" * 64, "$2b$12$" + "A" * 5_000,
        ":pbkdf2:sha512:30000:64:QUFB:QUFB", "$bcrypt$v=98$r=10$QUFB$QUFB", "{" * 2_000, "\ud800", "{SSHA}\u0661",
        "$6$s\0lt$" + "C" * 86, "$5$s\ud800lt$" + "C" * 43, "$7$CU..../....s\u00e4lt$" + "C" * 43,
        "{pbkdf2}" + "0" * 82, "x" * (MAX_TEXT + 1), "$scram$1$QUFB$sha-512=QUFB", "{noop}secret", "{clear}secret",
    ],
)  # fmt: skip
def test_what_only_begins_like_a_hash_is_unknown(text: str) -> None:
    with pytest.raises(DomainError, match="UNKNOWN_HASH"):
        check_hash(text)
    assert not hash_matches(text, b"secret")
