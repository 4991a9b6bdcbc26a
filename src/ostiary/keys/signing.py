"""Signing of tokens: one at a time, or several at once where that is faster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import structlog
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

from ostiary.keys.multi_buffer import LANES, WORTH, Lane, Library, lane_of, library

_log = structlog.get_logger("ostiary.keys")


@dataclass(frozen=True, slots=True)
class Signer:
    """The active key of a tenant, ready to sign (RS256). `lane` is the same key for signing several texts at once."""

    kid: str
    sign: Callable[[bytes], bytes]
    lane: Lane | None = None


def signer_of(kid: str, key: RSAPrivateKey) -> Signer:
    """Signs with `key`."""
    return Signer(kid, partial(_sign, key), lane_of(key))


def at_once() -> int:
    """The number of signatures that are best made together."""
    return LANES if isinstance(library(), Library) else 1


def sign_together(asked: Sequence[tuple[Signer, bytes]]) -> list[bytes]:
    """The signatures of many texts, each with its own key, in their order."""
    made: list[bytes] = []
    for at in range(0, len(asked), LANES):
        part = asked[at : at + LANES]
        made += _at_once(part) or [signer.sign(text) for signer, text in part]
    return made


def _at_once(part: Sequence[tuple[Signer, bytes]]) -> list[bytes]:
    """Returns the signatures, made at once; empty if one after the other is faster, or if the processor cannot do
    it."""
    lanes = [(signer.lane, text) for signer, text in part if signer.lane]
    found = library()
    if len(part) < WORTH or len(lanes) < len(part) or not isinstance(found, Library):
        return []
    try:
        return found.sign(lanes)
    except ArithmeticError:
        _log.error("signatures made at once are false; made again, one at a time", exc_info=True)
        return []


def _sign(key: RSAPrivateKey, text: bytes) -> bytes:
    return key.sign(text, padding.PKCS1v15(), SHA256())
