"""The keys of the platform: two dialects publish them, in the same form."""

from __future__ import annotations

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ostiary.keys.keyring import Keyring
from ostiary.oauth.platform.metadata import platform_tenant
from ostiary.store.tenancy import Tenancy
from ostiary.store.work import Work
from ostiary_api.oidc.v1 import keys_pb2


def platform_keys(work: Work, tenancy: Tenancy, keys: Keyring) -> keys_pb2.JwkSet:
    """The public keys of the platform, which are those of the operators' organization."""
    system = platform_tenant(work, tenancy)
    return system.cached("platform jwks", lambda: keys_pb2.JwkSet(keys=[
        keys_pb2.Jwk(**jwk) for jwk in keys.jwks(work, system)
    ]))  # fmt: skip


def platform_key(work: Work, tenancy: Tenancy, keys: Keyring) -> str:
    """The public key in PEM that belongs to the signatures of now."""
    system = platform_tenant(work, tenancy)
    public = keys.verifiers(work, system)[keys.signer(work, system).kid].public
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
