"""RSA signatures eight at a time, on processors with AVX-512 IFMA: each takes a third of the time it takes alone.

The work is done by `crypto_mb` of Intel's Cryptography Primitives (the wheel `ipp-crypto`), whose eight lanes compute
eight signatures of any keys with the same instructions, in constant time. It also runs on AMD's processors. Where the
library or what it needs is missing, `library` says why, and nothing but speed is lost.
"""

from __future__ import annotations

import base64
import ctypes
import hashlib
import os
from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

WHEEL = "ipp-crypto"
LANES = 8
WORTH = 3
"""The number of signatures from which on the eight lanes are faster than one signature after the other."""
RSA_BITS = 2048
_SIZE = RSA_BITS // 8
_EXPONENT = 65_537
_RSA_2K = 1
"""The library's number of RSA-2048."""
_SHA256 = bytes.fromhex("3031300d060960864801650304020105000420")
_PADDING = b"\0\1" + b"\xff" * (_SIZE - 3 - len(_SHA256) - 32) + b"\0" + _SHA256
"""The bytes before the digest in what is signed: EMSA-PKCS1-v1_5 with SHA-256 (RFC 8017 §9.2)."""
_UNUSED = (b"libsvml.so", b"libirng.so", b"libimf.so", b"libintlc.so.5")
_HARMLESS = b"libm.so.6"

_Pointers = ctypes.c_void_p * LANES


class Unavailable(Exception):
    """Signatures are made one at a time; the text says why."""


class Lane:
    """A private key as the library reads it: p, q, dP, dQ, qInv and the modulus, as little-endian numbers."""

    __slots__ = ("_numbers", "addresses")

    def __init__(self, key: RSAPrivateKey) -> None:
        secret = key.private_numbers()
        halves = (secret.p, secret.q, secret.dmp1, secret.dmq1, secret.iqmp)
        whole = secret.public_numbers.n.to_bytes(_SIZE, "little")
        text = b"".join(each.to_bytes(_SIZE // 2, "little") for each in halves) + whole
        self._numbers = ctypes.create_string_buffer(text, len(text))
        at = ctypes.addressof(self._numbers)
        self.addresses = range(at, at + len(text) - _SIZE // 2, _SIZE // 2)


class Library:
    """`crypto_mb`, loaded."""

    def __init__(self, image: bytes) -> None:
        """`image` is the library's file. Raises Unavailable; OSError or AttributeError for another file than that."""
        loaded = _load(image)
        if not loaded.mbx_get_algo_info(_RSA_2K) & LANES:
            raise Unavailable("the processor has no AVX-512 IFMA")
        for method in (loaded.mbx_RSA2K_private_crt_Method, loaded.mbx_RSA2K_pub65537_Method):
            method.restype = ctypes.c_void_p
        self._private, self._private_method = loaded.mbx_rsa_private_crt_mb8, loaded.mbx_RSA2K_private_crt_Method()
        self._public, self._public_method = loaded.mbx_rsa_public_mb8, loaded.mbx_RSA2K_pub65537_Method()

    def sign(self, asked: Sequence[tuple[Lane, bytes]]) -> list[bytes]:
        """RS256 signatures (RSASSA-PKCS1-v1_5, RFC 8017 §8.2) of at most `LANES` texts, each with its own key.

        Each is verified before it is handed out, since one false signature made with the Chinese remainder theorem
        would give the key away; raises ArithmeticError instead.
        """
        padded = b"".join([_PADDING + hashlib.sha256(text).digest() for _, text in asked])
        given = ctypes.create_string_buffer(padded, len(padded))
        made, opened = (ctypes.create_string_buffer(len(padded)) for _ in range(2))
        texts, signatures, again = (_Pointers(*_rows(each, len(asked))) for each in (given, made, opened))
        *secrets, moduli = (_Pointers(*column) for column in zip(*(lane.addresses for lane, _ in asked), strict=True))
        self._private(texts, signatures, *secrets, RSA_BITS, ctypes.c_void_p(self._private_method), None)
        self._public(signatures, again, moduli, RSA_BITS, ctypes.c_void_p(self._public_method), None)
        if opened.raw[: len(padded)] != padded:
            raise ArithmeticError("a signature does not match its key")
        return [made.raw[at : at + _SIZE] for at in range(0, len(padded), _SIZE)]


@cache
def library() -> Library | Unavailable:
    """The library, or why there is none. Called before processes fork, they share it."""
    try:
        return Library(_installed())
    except Unavailable as reason:
        return reason.with_traceback(None)  # which would keep the file in memory
    except (OSError, AttributeError) as error:
        return Unavailable(f"crypto_mb cannot be loaded: {error}")


def lane_of(key: RSAPrivateKey) -> Lane | None:
    """The key for `Library.sign`, or None where signatures are made one at a time."""
    return Lane(key) if isinstance(library(), Library) and _is_usual(key) else None


def _is_usual(key: RSAPrivateKey) -> bool:
    secret = key.private_numbers()
    halves = {secret.p.bit_length(), secret.q.bit_length()}
    return halves == {RSA_BITS // 2} and (key.key_size, secret.public_numbers.e) == (RSA_BITS, _EXPONENT)


def _installed() -> bytes:
    """The file that the wheel has brought, and no other."""
    try:
        files = distribution(WHEEL).files or []
    except PackageNotFoundError:
        raise Unavailable(f"the wheel {WHEEL} is not installed") from None
    for each in files:
        if each.name.startswith("libcrypto_mb.so") and each.hash:
            image = Path(str(each.locate())).read_bytes()
            digest = base64.urlsafe_b64encode(hashlib.new(each.hash.mode, image).digest()).rstrip(b"=").decode()
            if digest != each.hash.value:
                raise Unavailable(f"{each.name} is not as the wheel {WHEEL} brought it; install it again")
            return image
    raise Unavailable(f"the wheel {WHEEL} has no libcrypto_mb.so")


def _load(image: bytes) -> ctypes.CDLL:
    """Loads the library without the four compiler libraries that it names but does not use: they would need a download
    of 40 MB under another licence. RTLD_NOW proves that nothing of them is used, since it resolves every symbol."""
    for name in _UNUSED:
        image = image.replace(name + b"\0", _HARMLESS.ljust(len(name) + 1, b"\0"))
    file = os.memfd_create("crypto_mb")
    with os.fdopen(file, "wb", closefd=False) as memory:
        memory.write(image)
    try:  # the file stays open: the loader would take another one of its name for it
        return ctypes.CDLL(f"/proc/self/fd/{file}", mode=os.RTLD_NOW | os.RTLD_LOCAL)
    except OSError:
        os.close(file)
        raise


def _rows(buffer: ctypes.Array[ctypes.c_char], count: int) -> range:
    at = ctypes.addressof(buffer)
    return range(at, at + count * _SIZE, _SIZE)
