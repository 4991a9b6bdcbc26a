"""Signatures of requests to a tenant's own endpoints: signed with its key, so that it can check the sender."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ostiary.keys.jwt import encode
from ostiary.keys.keyring import Keyring
from ostiary.store.engine import Store
from ostiary.store.tenancy import Tenancy


class TenantSignature:
    """Signs claims with a tenant's key; call it outside any transaction."""

    def __init__(self, store: Store, tenancy: Tenancy, keys: Keyring) -> None:
        self._store = store
        self._tenancy = tenancy
        self._keys = keys

    def __call__(self, tenant_id: str, claims: Mapping[str, Any], type: str) -> str:
        """A JWT (RFC 7519) of this `typ`, RS256, with the `kid` of a public key of the tenant's OAuth server."""
        with self._store.read() as work:
            tenant = self._tenancy.find(work, tenant_id)
            if tenant is None:
                raise LookupError(f"the tenant {tenant_id} is gone")
            signer = self._keys.signer(work, tenant)
        return encode(signer, dict(claims), typ=type)
