"""Proof Key for Code Exchange (RFC 7636), method S256 only; and the form in which App ID's SPA SDK computes it."""

from __future__ import annotations

import base64
import hashlib
import re

from ostiary.ids import same
from ostiary.keys.jwt import b64

METHOD = "S256"
_RFC_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_SDK_CHALLENGE = re.compile(r"[A-Za-z0-9+/]{86}==")
_VERIFIER = re.compile(r"[!-~]{43,128}")
"""The pattern of a verifier: the length of RFC 7636 §4.1; any visible ASCII, since the SDK's alphabet is not the
RFC's."""


def is_challenge(challenge: str) -> bool:
    """Whether it has the length and alphabet of one of the two forms."""
    return bool(_RFC_CHALLENGE.fullmatch(challenge) or _SDK_CHALLENGE.fullmatch(challenge))


def proves(verifier: str, challenge: str) -> bool:
    """Whether `verifier` is behind `challenge`: base64url(SHA-256), or base64 of the *hex text* of it, each compared
    whole. The SDK encodes the hex digits, not the bytes.
    """
    if not _VERIFIER.fullmatch(verifier):
        return False
    hashed = hashlib.sha256(verifier.encode())
    as_rfc = same(b64(hashed.digest()), challenge)
    as_sdk = same(base64.b64encode(hashed.hexdigest().encode()).decode(), challenge)
    return as_rfc or as_sdk
