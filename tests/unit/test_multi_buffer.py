"""Signatures of several texts at once: the same as one by one, and never a false one."""

from __future__ import annotations

import ctypes
import platform
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from ostiary.keys import multi_buffer
from ostiary.keys.multi_buffer import LANES, Lane, Library, Unavailable, lane_of, library
from ostiary.keys.signing import Signer, at_once, sign_together, signer_of

NEEDED = "avx512ifma"


@pytest.fixture(scope="module")
def keys() -> list[RSAPrivateKey]:
    return [generate_private_key(65_537, 2_048) for _ in range(3)]


@pytest.fixture(scope="module")
def signers(keys: list[RSAPrivateKey]) -> list[Signer]:
    return [signer_of(f"key-{number}", key) for number, key in enumerate(keys)]


def has_instructions() -> bool:
    return platform.machine() == "x86_64" and NEEDED in Path("/proc/cpuinfo").read_text(encoding="ascii")


def test_the_library_is_used_exactly_where_the_processor_has_its_instructions() -> None:
    assert isinstance(library(), Library) == has_instructions(), str(library())
    assert at_once() == (LANES if has_instructions() else 1)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 8, 9, 11, 16, 19])
def test_together_is_the_same_as_one_by_one(signers: list[Signer], count: int) -> None:
    asked = [(signers[number % 3], b"text %d" % number * number) for number in range(count)]
    assert sign_together(asked) == [signer.sign(text) for signer, text in asked]


def test_keys_of_other_sizes_and_exponents_sign_alone(signers: list[Signer]) -> None:
    others = [generate_private_key(65_537, 3_072), generate_private_key(3, 2_048)]
    assert [lane_of(key) for key in others] == [None, None]
    asked = [(signer_of("other", key), b"text") for key in others] + [(signer, b"text") for signer in signers]
    assert sign_together(asked) == [signer.sign(text) for signer, text in asked]


def test_a_false_signature_is_not_handed_out(keys: list[RSAPrivateKey]) -> None:
    """One wrong bit in half of a key: such a signature would let anybody factor the modulus."""
    found = library()
    if not isinstance(found, Library):
        assert not has_instructions()
        return
    lanes = [Lane(key) for key in keys]
    secret = (ctypes.c_char * 128).from_address(lanes[1].addresses[2])
    secret[0] = bytes([secret[0][0] ^ 2])
    with pytest.raises(ArithmeticError):
        found.sign([(lane, b"text") for lane in lanes])
    assert len(found.sign([(lanes[0], b"text"), (lanes[2], b"text")])) == 2


def test_without_the_library_signatures_are_made_one_by_one(
    monkeypatch: pytest.MonkeyPatch, keys: list[RSAPrivateKey]
) -> None:
    monkeypatch.setattr(multi_buffer, "WHEEL", "no-such-wheel")
    library.cache_clear()
    try:
        reason = library()
        assert isinstance(reason, Unavailable)
        assert "not installed" in str(reason)
        signer = signer_of("key", keys[0])
        assert (signer.lane, at_once()) == (None, 1)
        assert sign_together([(signer, b"text")] * 9) == [signer.sign(b"text")] * 9
    finally:
        library.cache_clear()


def test_what_cannot_be_loaded_says_why(tmp_path: Path) -> None:
    broken = tmp_path / "libcrypto_mb.so"
    broken.write_bytes(b"not a library")
    with pytest.raises(Unavailable, match="cannot be loaded"):
        Library(broken)
