"""JSON Web Tokens (RFC 7519) in the one form that Ostiary issues and accepts: compact, RS256, `kid` in the header.

Written by hand around `cryptography` since every token costs one signature and nothing else may cost as much;
jwcrypto's JWT class adds 150–180 µs a token.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidSignature

from ostiary.http.json_text import distinct
from ostiary.keys.keyring import Verifier
from ostiary.keys.signing import Signer

TYPE = "JWT"
"""`typ` of access and identity tokens. What the same keys sign for other readers has a type of its own (RFC 8725
§3.11), so that it is never taken for one."""
MAX_LENGTH = 57_344
"""The longest token; longer ones are refused unread. The gateway accepts 60 KiB of headers, the token among them."""


class InvalidToken(Exception):
    """A text that is not a token signed with one of our keys."""


_compact = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def b64(data: bytes) -> str:
    """Encodes base64url without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """Reads base64url without padding; raises InvalidToken for anything else, also for a second spelling."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, UnicodeEncodeError) as error:
        raise InvalidToken("not base64url") from error
    if b64(data) != text:
        raise InvalidToken("not canonical base64url")
    return data


def signing_input(kid: str, claims: dict[str, Any], **header: Any) -> bytes:
    """Returns what is signed: header and claims. `header` adds to `alg`, `typ` and `kid` (App ID: `ver=4`)."""
    return f"{_protected(kid, *header.items())}.{_part(claims)}".encode()


@lru_cache(maxsize=4_096)
def _protected(kid: str, *more: tuple[str, Any]) -> str:
    """The header: the same for every token of a key."""
    return _part({"alg": "RS256", "typ": TYPE, "kid": kid, **dict(more)})


def encode(signer: Signer, claims: dict[str, Any], **header: Any) -> str:
    """A signed token. Takes as long as an RSA-2048 signature: 300 µs to 1 ms of CPU."""
    signed = signing_input(signer.kid, claims, **header)
    return f"{signed.decode()}.{b64(signer.sign(signed))}"


def _part(document: dict[str, Any]) -> str:
    return b64(_compact(document).encode())


def decode(
    token: str, verifiers: Callable[[dict[str, Any]], dict[str, Verifier]]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns header and claims of a token that one of `verifiers` has signed.

    `verifiers` gets the unverified claims (to find the tenant by issuer) and answers with keys by kid. Checks the
    signature only; times, issuer and audience are the caller's. Raises InvalidToken.
    """
    parsed = parse(token)
    header, claims = parsed.header, parsed.claims
    if header.get("alg") != "RS256" or "crit" in header or not isinstance(header.get("kid"), str):
        raise InvalidToken("not an RS256 token of ours")
    if header.get("typ") != TYPE:
        raise InvalidToken("signed for another purpose")
    verifier = verifiers(claims).get(header["kid"])
    if verifier is None:
        raise InvalidToken("unknown key")
    try:
        verifier.verify(parsed.signature, parsed.signed)
    except InvalidSignature as error:
        raise InvalidToken("signature does not match") from error
    return header, claims


@dataclass(frozen=True, slots=True)
class Parsed:
    """A compact JWS (RFC 7515 §7.1) of which nothing is proved yet."""

    header: dict[str, Any]
    claims: dict[str, Any]
    signed: bytes
    signature: bytes


def parse(token: str, longest: int = MAX_LENGTH) -> Parsed:
    """Takes a token apart; raises InvalidToken."""
    if len(token) > longest:
        raise InvalidToken("too long")
    parts = token.split(".")
    if len(parts) != 3:
        raise InvalidToken("not a compact JWS")
    header, claims = _document(parts[0]), _document(parts[1])
    return Parsed(header, claims, f"{parts[0]}.{parts[1]}".encode(), unb64(parts[2]))


def _document(part: str) -> dict[str, Any]:
    text = unb64(part)
    try:
        # UTF-8 (RFC 7519 §3) and nothing else, and no name twice (RFC 7515 §4, RFC 7519 §4).
        document = json.loads(text.decode(), object_pairs_hook=distinct)
        if b"\\u" in text:  # half a surrogate pair is no text, and no store takes it
            json.dumps(document, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise InvalidToken("not JSON") from error
    if not isinstance(document, dict):
        raise InvalidToken("not a JSON object")
    return document
