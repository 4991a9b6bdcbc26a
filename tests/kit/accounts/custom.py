"""A tenant with custom identity, and a signer of assertions."""

from __future__ import annotations

import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwk, jws
from kit.callers import Caller
from kit.oauth import Application, Runtime

from ostiary.upstream.custom import CUSTOM
from ostiary_api.appid.management.v4 import identity_providers_pb2 as pb

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
OURS, STRANGERS = (rsa.generate_private_key(65537, 2048) for _ in range(2))


def public(key: Any) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


class Custom(Runtime):
    """A tenant with custom identity, and a signer of assertions."""

    def __init__(self, caller: Caller, tenant_id: str = "") -> None:
        super().__init__(caller, tenant_id)
        self.configure(is_active=True, key=OURS)
        self.app = self.application()

    def configure(self, *, is_active: bool, key: Any) -> None:
        provider = pb.CustomProvider(is_active=is_active, config=pb.CustomProviderConfig(public_key=public(key)))
        with self.made.runtime.store.write() as work:
            CUSTOM.replace(work, self.tenant_id, provider, self.made.clock.now_ms())

    @property
    def server(self) -> str:
        return self.made.runtime.issuers.tenant(self.tenant_id)

    def claims(self, **more: Any) -> dict[str, Any]:
        """Good claims, with changes; None removes one."""
        now = self.made.clock.now_ms() // 1000
        good = {"iss": "https://hr.example", "aud": self.server, "exp": now + 300, "sub": "emp-1"}
        return {name: value for name, value in {**good, **more}.items() if value is not None}

    def assertion(self, key: Any = OURS, header: dict[str, Any] | None = None, **more: Any) -> str:
        """A signed assertion."""
        protected = {"alg": "RS256", "typ": "JOSE", **(header or {})}
        return compact(protected, self.claims(**more), key)

    def exchange(self, assertion: str, app: Application | None = None, **form: str) -> dict[str, Any]:
        return self.token({"grant_type": GRANT, "assertion": assertion, **form}, (app or self.app).basic)


def compact(protected: dict[str, Any], claims: dict[str, Any] | bytes, key: Any) -> str:
    """A compact JWS, by a library of others."""
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    of_alg = jwk.RSAKey if isinstance(key, rsa.RSAPrivateKey) else jwk.ECKey
    algorithms = ["RS256", "RS384", "PS256", "ES256"]
    registry = jws.JWSRegistry(algorithms=algorithms, strict_check_header=False)
    return jws.serialize_compact(protected, payload, of_alg.import_key(key), registry=registry)
