"""The signing keys of tenants: made at first use, sealed at rest, in states next → active → retired.

The first next key is made with the first active one: a verifier that keeps a key set then has the next signer in it.

The system organization's keys are the platform's. JWKS shows active, next and retired keys, the last until no token
signed with them can be alive.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from jwcrypto.jwk import JWK
from sqlalchemy import select

from ostiary.clock import Clock, rfc3339
from ostiary.errors import not_found
from ostiary.keys.multi_buffer import RSA_BITS
from ostiary.keys.sealing import Place, Sealing
from ostiary.keys.signing import Signer, signer_of
from ostiary.store.engine import Store
from ostiary.store.tables import SigningKey, Tenant, table_of
from ostiary.store.tenancy import TenantView, touch
from ostiary.store.work import Work

TOKEN = "token"
"""The use of keys that sign tokens; the others are saml-sign and saml-encrypt."""
SAML_SIGN, SAML_ENCRYPT = "saml-sign", "saml-encrypt"
CERTIFIED_DAYS = 3_650
_KEYS = table_of(SigningKey)


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key by its kid."""

    kid: str
    public: RSAPublicKey

    def verify(self, signature: bytes, signed: bytes) -> None:
        """Raises cryptography's InvalidSignature when `signature` (RS256) is not of `signed`."""
        self.public.verify(signature, signed, padding.PKCS1v15(), SHA256())


class Keyring:
    """Finds the keys of a tenant; what it loads is cached with the tenant's view."""

    def __init__(self, store: Store, sealing: Sealing, clock: Clock) -> None:
        self._store = store
        self._sealing = sealing
        self._clock = clock

    def signer(self, work: Work, tenant: TenantView, use: str = TOKEN) -> Signer:
        """The active key, made now if this is its first use; so `work` must be one that reads, not a transaction."""
        return tenant.cached(("signer", use), lambda: self._load_signer(work, tenant.id, use))

    def has_signer(self, work: Work, tenant: TenantView, use: str = TOKEN) -> bool:
        """Whether the tenant has an active key for this use."""
        return self._active(work, tenant.id, use) is not None

    def verifiers(self, work: Work, tenant: TenantView, use: str = TOKEN) -> dict[str, Verifier]:
        """Every public key that may have signed a token that is still alive, by kid."""
        return tenant.cached(("verifiers", use), lambda: self._load_verifiers(work, tenant.id, use))

    def jwks(self, work: Work, tenant: TenantView, use: str = TOKEN) -> list[dict[str, Any]]:
        """The public keys as JWKs (RFC 7517): kty, use, alg, kid, n, e.

        Makes the first key, like `signer`: a client that saw an empty set would keep it.
        """
        return tenant.cached(
            ("jwks", use), lambda: self._load_jwks(work, tenant.id, use) or self._first(work, tenant.id, use)
        )

    def ensure(self, tenant_id: str, use: str = TOKEN) -> None:
        """Makes what a tenant lacks of the active and the next key. Raises TENANT_NOT_FOUND.

        Generating takes 50–500 ms a key and happens outside the transaction.
        """
        with self._store.read() as work:
