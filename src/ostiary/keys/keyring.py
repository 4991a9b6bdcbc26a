"""Signing keys of tenants: created at first use, sealed at rest, in the states next → active → retired.

The first next key is made with the first active one: a verifier that keeps a key set then has the next signer in it.

The system organization's keys are the platform's. JWKS shows active, next and retired keys, the last until no token
signed with them can be valid.
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
from sqlalchemy import Row, select

from ostiary.clock import Clock, rfc3339
from ostiary.errors import not_found
from ostiary.keys.multi_buffer import RSA_BITS
from ostiary.keys.sealing import SealedField, Sealing
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

    def private_keys(self, work: Work, tenant: TenantView, use: str) -> Sequence[RSAPrivateKey]:
        """The private halves of all keys, the active one first, which is created if this is its first use, like
        `signer`: what was encrypted to another one is on its way, or its sender has not read of the change."""
        return tenant.cached(("private", use), lambda: [key for _, key in self._load_pairs(work, tenant.id, use)])

    def has_signer(self, work: Work, tenant: TenantView, use: str = TOKEN) -> bool:
        """Whether the tenant has an active key for this use."""
        return self._active(work, tenant.id, use) is not None

    def verifiers(self, work: Work, tenant: TenantView, use: str = TOKEN) -> dict[str, Verifier]:
        """Returns every public key that may have signed a token that is still valid, by kid."""
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
            lacking = _lacking(work, tenant_id, use)
        if not lacking:
            return
        keys = first_keys(self._sealing, tenant_id, use, self._clock.now_ms(), lacking)
        with self._store.write(awaited=False) as work:
            lock_tenant(work, tenant_id)
            # Two workers may both have generated: the first to commit wins, the other's keys are thrown away.
            lacking = _lacking(work, tenant_id, use)
            work.add(*(key for key in keys if key.state in lacking))
            touch(work, tenant_id)

    def _active(self, work: Work, tenant_id: str, use: str) -> Any:
        return work.row(
            select(_KEYS.c.id, _KEYS.c.sealed_private).where(
                _KEYS.c.tenant_id == tenant_id, _KEYS.c.use == use, _KEYS.c.state == "active"
            )
        )

    def _load_signer(self, work: Work, tenant_id: str, use: str) -> Signer:
        return signer_of(*self._load_private(work, tenant_id, use))

    def certificates(self, work: Work, tenant: TenantView, use: str) -> Sequence[bytes]:
        """Returns self-signed certificates (DER) of the active key, which is created if this is its first use, like
        `signer`, and of the next one, if there is one.

        They are the same at every call: their dates come from the key, and RSA signatures (PKCS #1 v1.5) are
        deterministic.
        """
        return tenant.cached(("certificates", use), lambda: self._certify_all(work, tenant.id, use))

    def _certify_all(self, work: Work, tenant_id: str, use: str) -> list[bytes]:
        pairs = self._load_pairs(work, tenant_id, use)
        return [self._certify(tenant_id, row, key) for row, key in pairs if row.state != "retired"]

    def _certify(self, tenant_id: str, row: Row[Any], key: RSAPrivateKey) -> bytes:
        kid, since = row.id, dt.datetime.fromtimestamp(row.created_at // 1000, dt.UTC)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, tenant_id)])
        builder = x509.CertificateBuilder(
            issuer_name=name, subject_name=name, public_key=key.public_key(), not_valid_before=since,
            not_valid_after=since + dt.timedelta(days=CERTIFIED_DAYS),
            serial_number=int.from_bytes(hashlib.sha256(kid.encode()).digest()[:15], "big") + 1,
        )  # fmt: skip
        return builder.sign(key, SHA256()).public_bytes(Encoding.DER)

    def _load_private(self, work: Work, tenant_id: str, use: str) -> tuple[str, RSAPrivateKey]:
        """The active key with its kid, made now if there is none."""
        row = self._active(work, tenant_id, use)
        if row is None:
            self.ensure(tenant_id, use)
            row = self._active(work, tenant_id, use)
        return row.id, self._opened(tenant_id, row)

    def _load_pairs(self, work: Work, tenant_id: str, use: str) -> list[tuple[Row[Any], RSAPrivateKey]]:
        """All keys with their rows, in the order active, next, retired; the active one made now if there is none."""
        if self._active(work, tenant_id, use) is None:
            self.ensure(tenant_id, use)
        rows = work.rows(
            select(_KEYS.c.id, _KEYS.c.state, _KEYS.c.created_at, _KEYS.c.sealed_private)
            .where(_KEYS.c.tenant_id == tenant_id, _KEYS.c.use == use)
            .order_by(_KEYS.c.state, _KEYS.c.created_at.desc(), _KEYS.c.id)
        )
        return [(row, self._opened(tenant_id, row)) for row in rows]

    def _opened(self, tenant_id: str, row: Row[Any]) -> RSAPrivateKey:
        pair = JWK.from_json(self._sealing.open(row.sealed_private, sealed_at(tenant_id, row.id)).decode())
        # The check takes as long as a hundred requests, and the seal has proved that the key is the one we made.
        pair.unsafe_skip_rsa_key_validation = True
        return cast("RSAPrivateKey", pair.get_op_key("sign"))

    def _first(self, work: Work, tenant_id: str, use: str) -> list[dict[str, Any]]:
        self.ensure(tenant_id, use)
        return self._load_jwks(work, tenant_id, use)

    def _load_jwks(self, work: Work, tenant_id: str, use: str) -> list[dict[str, Any]]:
        rows = work.rows(
            select(_KEYS.c.public_jwk)
            .where(_KEYS.c.tenant_id == tenant_id, _KEYS.c.use == use)
            .order_by(_KEYS.c.created_at, _KEYS.c.id)
        )
        return [json.loads(row.public_jwk) for row in rows]

    def _load_verifiers(self, work: Work, tenant_id: str, use: str) -> dict[str, Verifier]:
        keys = [JWK(**document) for document in self._load_jwks(work, tenant_id, use)]
        return {key["kid"]: Verifier(key["kid"], cast("RSAPublicKey", key.get_op_key("verify"))) for key in keys}


def sealed_at(tenant_id: str, kid: str) -> SealedField:
    """Returns the place under which the private half of a signing key is sealed."""
    return SealedField(tenant_id, "signing_keys", kid, "sealed_private")


def states_of(use: str) -> tuple[str, ...]:
    """The states in which a tenant has a key at all times: nobody fetches keys of SAML ahead."""
    return ("active", "next") if use == TOKEN else ("active",)


def lock_tenant(work: Work, tenant_id: str) -> None:
    """Locks the tenant's row, so that changes of its keys happen one after the other. Raises TENANT_NOT_FOUND."""
    if work.get(Tenant, tenant_id, lock=True) is None:
        raise not_found("TENANT_NOT_FOUND", f"There is no tenant {tenant_id}.")


def _lacking(work: Work, tenant_id: str, use: str) -> list[str]:
    mine = (_KEYS.c.tenant_id == tenant_id) & (_KEYS.c.use == use)
    there = {row.state for row in work.rows(select(_KEYS.c.state).where(mine))}
    return [state for state in states_of(use) if state not in there]


def first_keys(sealing: Sealing, tenant_id: str, use: str, now_ms: int, states: Sequence[str] = ()) -> list[SigningKey]:
    """Creates keys with the same date, one in each of `states` (default: those that a tenant has at all times)."""
    return [
        new_key(sealing, tenant_id, use, now_ms, state, number)
        for number, state in enumerate(states_of(use))
        if not states or state in states
    ]


def new_key(
    sealing: Sealing, tenant_id: str, use: str, now_ms: int, state: str = "active", number: int = 0
) -> SigningKey:
    """A new RSA-2048 key pair, sealed; `kid` has App ID's form `appId-{tenant}-{time}`. `number` tells keys of one
    moment apart."""
    kid = f"appId-{tenant_id}-{rfc3339(now_ms + number)}"
    if use != TOKEN:
        kid = f"{kid}-{use}"
    pair = JWK.generate(kty="RSA", size=RSA_BITS, kid=kid, use="sig", alg="RS256")
    return SigningKey(
        id=kid, tenant_id=tenant_id, use=use, state=state, created_at=now_ms,
        public_jwk=pair.export_public(),
        sealed_private=sealing.seal(pair.export_private().encode(), sealed_at(tenant_id, kid)),
    )  # fmt: skip
