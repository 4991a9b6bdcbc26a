"""An authenticator in software (WebAuthn Level 3 §6): makes passkeys and proves them, as a browser hands them on.

Its keys are of ES256. `counter` is what it says next: one that stays 0 is of an authenticator without a counter.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import struct
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

PRESENT, VERIFIED, ELIGIBLE, BACKED_UP, ATTESTED = 1, 4, 8, 16, 64


@dataclass
class Authenticator:
    """One device at one origin. `verifies`: it asks for a PIN or a finger; `synced`: its keys are copied elsewhere."""

    origin: str
    verifies: bool = True
    synced: bool = True
    counter: int = 0
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    id: bytes = field(default_factory=lambda: os.urandom(32))
    user_handle: str = ""

    def make(self, options: dict[str, Any], *, discoverable: bool | None = True, **client: Any) -> str:
        """The answer to a request for a new passkey."""
        self.user_handle = options["user"]["id"]
        numbers = self.key.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        attested = bytes(16) + struct.pack(">H", len(self.id)) + self.id + cbor2.dumps(cose)
        data = self._data(options["rp"]["id"], ATTESTED) + attested
        response = {
            "clientDataJSON": self._client("webauthn.create", options, client),
            "attestationObject": text(cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})),
            "transports": ["internal", "hybrid"],
        }
        extensions = {} if discoverable is None else {"credProps": {"rk": discoverable}}
        return self._answer(response, extensions)

    def prove(self, options: dict[str, Any], **client: Any) -> str:
        """The answer to a request for a proof."""
        self.counter += 1 if self.counter else 0
        data = self._data(options["rpId"])
        said = self._client("webauthn.get", options, client)
        signed = data + hashlib.sha256(octets(said)).digest()
        response = {
            "clientDataJSON": said, "authenticatorData": text(data), "userHandle": self.user_handle,
            "signature": text(self.key.sign(signed, ec.ECDSA(hashes.SHA256()))),
        }  # fmt: skip
        return self._answer(response, {})

    def _data(self, rp_id: str, more: int = 0) -> bytes:
        flags = PRESENT | more | (VERIFIED if self.verifies else 0) | (ELIGIBLE | BACKED_UP if self.synced else 0)
        return hashlib.sha256(rp_id.encode()).digest() + struct.pack(">BI", flags, self.counter)

    def _client(self, kind: str, options: dict[str, Any], changed: dict[str, Any]) -> str:
        said = {"type": kind, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": False}
        return text(json.dumps({**said, **changed}).encode())

    def _answer(self, response: dict[str, Any], extensions: dict[str, Any]) -> str:
        id = text(self.id)
        return json.dumps(
            {"id": id, "rawId": id, "type": "public-key", "response": response, "clientExtensionResults": extensions}
        )


def text(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def octets(encoded: str) -> bytes:
    """What base64url without padding says."""
    return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
