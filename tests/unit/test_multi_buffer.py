"""Signatures of several texts at once: the same as one by one, and never a false one."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from collections.abc import Callable
from importlib.metadata import PackagePath, distribution
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


def truncate(file: Path) -> None:
    """Loaded, such a file would end the process with SIGBUS."""
    os.truncate(file, 500_000)


def another_library() -> bytes:
    """One that can be loaded, and has nothing of what is asked of it."""
    maps = Path("/proc/self/maps").read_text(encoding="utf-8").split()
    return Path(next(part for part in maps if "/libm.so" in part or "/libm-" in part)).read_bytes()


def has_what_it_takes() -> bool:
    """The processor's instructions, and the system's OpenSSL 3, which the library names."""
    try:
        ctypes.CDLL("libcrypto.so.3")
    except OSError:
        return False
    return platform.machine() == "x86_64" and NEEDED in Path("/proc/cpuinfo").read_text(encoding="ascii")


def test_the_library_is_used_exactly_where_it_can_be() -> None:
    assert isinstance(library(), Library) == has_what_it_takes(), str(library())
    assert at_once() == (LANES if has_what_it_takes() else 1)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 8, 9, 11, 16, 19])
def test_together_is_the_same_as_one_by_one(signers: list[Signer], count: int) -> None:
    asked = [(signers[number % 3], b"text %d" % number * number) for number in range(count)]
    assert sign_together(asked) == [signer.sign(text) for signer, text in asked]


@pytest.mark.parametrize(("count", "batches"), [(2, []), (3, [3]), (8, [8]), (10, [8]), (11, [8, 3]), (16, [8, 8])])
def test_as_many_are_made_at_once_as_is_faster(
    monkeypatch: pytest.MonkeyPatch, signers: list[Signer], count: int, batches: list[int]
) -> None:
    found = loaded()
    seen: list[int] = []
    sign = found.sign
    monkeypatch.setattr(found, "sign", lambda asked: seen.append(len(asked)) or sign(asked))
    sign_together([(signers[0], b"text")] * count)
    assert seen == batches


def test_false_ones_are_made_again_one_by_one_and_told(
    monkeypatch: pytest.MonkeyPatch, signers: list[Signer], capsys: pytest.CaptureFixture[str]
) -> None:
    found = loaded()
    monkeypatch.setattr(found, "_private", lambda *_: 0)
    asked = [(signer, b"text") for signer in signers]
    assert sign_together(asked) == [signer.sign(text) for signer, text in asked]
    told = capsys.readouterr()
    assert "one at a time" in told.out + told.err


def test_keys_of_other_sizes_and_exponents_sign_alone(signers: list[Signer]) -> None:
    others = [generate_private_key(65_537, 3_072), generate_private_key(3, 2_048)]
    assert [lane_of(key) for key in others] == [None, None]
    asked = [(signer_of("other", key), b"text") for key in others] + [(signer, b"text") for signer in signers]
    assert sign_together(asked) == [signer.sign(text) for signer, text in asked]


def loaded() -> Library:
    """The library; on a machine that lacks what it takes there is nothing to test of it, and the test is skipped."""
    if not has_what_it_takes():
        pytest.skip(f"the processor has no {NEEDED}, or the system no OpenSSL 3")
    found = library()
    assert isinstance(found, Library), str(found)
    return found


def test_a_false_signature_is_not_handed_out(keys: list[RSAPrivateKey]) -> None:
    """One wrong bit in half of a key: such a signature would let anybody factor the modulus."""
    found = loaded()
    lanes = [Lane(key) for key in keys]
    secret = (ctypes.c_char * 128).from_address(lanes[1].addresses[2])
    secret[0] = bytes([secret[0][0] ^ 2])
    with pytest.raises(ArithmeticError):
        found.sign([(lane, b"text") for lane in lanes])
    assert len(found.sign([(lanes[0], b"text"), (lanes[2], b"text")])) == 2


@pytest.mark.parametrize("part", ["_private", "_public"])
def test_what_the_library_leaves_undone_is_no_signature(
    monkeypatch: pytest.MonkeyPatch, keys: list[RSAPrivateKey], part: str
) -> None:
    found = loaded()
    monkeypatch.setattr(found, part, lambda *_: 0)
    with pytest.raises(ArithmeticError):
        found.sign([(Lane(key), b"text") for key in keys])


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


@pytest.mark.parametrize("content", [b"", b"not a library", another_library()])
def test_what_cannot_be_loaded_says_why(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(multi_buffer, "_installed", lambda: content)
    library.cache_clear()
    try:
        assert "cannot be loaded" in str(library())
    finally:
        library.cache_clear()


# Since Python 3.12 the metadata of a package names only those of its files that are there.
GONE = "has no libcrypto_mb.so" if sys.version_info >= (3, 12) else "cannot be loaded"


@pytest.mark.parametrize(("change", "reason"), [(Path.unlink, GONE), (truncate, "install it again")])
def test_a_file_that_is_not_the_wheels_is_not_loaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, change: Callable[[Path], None], reason: str
) -> None:
    wheel = next(file for file in distribution(multi_buffer.WHEEL).files or [] if file.name == "libcrypto_mb.so")
    copy = tmp_path / wheel.name
    copy.write_bytes(Path(str(wheel.locate())).read_bytes())
    change(copy)
    monkeypatch.setattr(PackagePath, "locate", lambda _: copy)
    library.cache_clear()
    try:
        assert reason in str(library())
    finally:
        library.cache_clear()
