"""Custom identity: the tenant signs assertions about its users with its own key."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from ostiary.errors import invalid
from ostiary.settings.setting import Setting
from ostiary_api.appid.management.v4 import identity_providers_pb2 as pb

NAME = "appid_custom"
"""The provider of such identities: in profiles, in `amr` and as a source of claims."""
BITS = (2_048, 8_192)
"""Less is weak; more lets a tenant choose how long our verifications take."""
MAX_PEM = 4_096
_ARMOUR = re.compile(r"-----BEGIN (RSA PUBLIC KEY|PUBLIC KEY)-----(.*?)-----END \1-----", re.DOTALL)
"""The pattern of a key in PEM: text around it does not belong to the key (RFC 7468 §2)."""


@dataclass(frozen=True, slots=True)
class CustomProvider:
    """Whether a tenant's own assertions are accepted, and the key that verifies them; empty: none."""

    is_active: bool
    public_key: str


def check_custom(provider: pb.CustomProvider) -> None:
    """Refuses a provider that is on without a key, and a key that is none of ours to use."""
    if provider.config.public_key:
        read_public_key(provider.config.public_key)
    elif provider.is_active:
        raise invalid("PUBLIC_KEY_MISSING", "config.publicKey is required when isActive is true.")


@lru_cache(maxsize=512)
def read_public_key(pem: str) -> RSAPublicKey:
    """The RSA key in PEM, or as the base64 text inside, which Keycloak shows alone; raises INVALID_PUBLIC_KEY."""
    armoured = _ARMOUR.findall(pem) if len(pem) <= MAX_PEM else [("", "")]
    inner = armoured[0][1] if armoured else pem
    try:
        key = (
            load_der_public_key(base64.b64decode("".join(inner.split()), validate=True)) if len(armoured) < 2 else None
        )
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPublicKey) or not BITS[0] <= key.key_size <= BITS[1]:
        message = f"config.publicKey must be a public RSA key in PEM or base64 with {BITS[0]} to {BITS[1]} bits."
        raise invalid("INVALID_PUBLIC_KEY", message)
    return key


def _decoded(provider: pb.CustomProvider) -> CustomProvider:
    return CustomProvider(provider.is_active, provider.config.public_key)


CUSTOM = Setting("custom", pb.CustomProvider(is_active=False), check_custom, _decoded)
