"""Random values: ids, secrets and codes come from an `Entropy` that is passed in, so that tests can predict them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import uuid
from typing import Protocol

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Entropy(Protocol):
    """A source of unpredictable bytes."""

    def token_bytes(self, size: int) -> bytes:
        """`size` random bytes."""
        ...


class SystemEntropy:
    """The operating system's random generator."""

    def token_bytes(self, size: int) -> bytes:
        """`size` random bytes."""
        return secrets.token_bytes(size)


def new_id(entropy: Entropy) -> str:
    """A random GUID (RFC 9562 version 4), lower case with hyphens."""
    return str(uuid.UUID(bytes=entropy.token_bytes(16), version=4))


def new_secret(entropy: Entropy, size: int = 32) -> str:
    """A secret of `size` random bytes in base64url without padding: for API keys, codes and opaque tokens."""
    return base64.urlsafe_b64encode(entropy.token_bytes(size)).rstrip(b"=").decode()


def digest(secret: str) -> str:
    """Returns the form in which a high-entropy secret is stored: its SHA-256 in hex. Passwords need more
    (`directory.passwords`)."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def same(left: str, right: str) -> bool:
    """Compares two secrets or digests in constant time."""
    return hmac.compare_digest(left.encode("utf-8", "surrogatepass"), right.encode("utf-8", "surrogatepass"))


def guid(named: str, kind: str) -> str:
    """The GUID of a URN of this kind, such as `urn:vcloud:user:<GUID>`, or of a GUID alone; empty for anything else,
    which then names nobody."""
    found = named.removeprefix(f"urn:vcloud:{kind}:").lower()
    return found if _GUID.fullmatch(found) else ""
