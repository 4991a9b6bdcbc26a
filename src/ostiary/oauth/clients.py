"""OAuth clients (RFC 6749 §2): App ID's applications, the Identity Service's service accounts."""

from __future__ import annotations

import base64

from ostiary.ids import Entropy, digest, new_id
from ostiary.keys.sealing import Place, Sealing
from ostiary.store.tables import Client
from ostiary.store.tenancy import touch
from ostiary.store.work import Work

CONFIDENTIAL, PUBLIC = "regularwebapp", "singlepageapp"
"""The two types of an application: with a secret, and without."""


def create_client(
    work: Work, sealing: Sealing, entropy: Entropy, tenant_id: str, name: str, type: str, now_ms: int
) -> tuple[Client, str]:
    """A new, enabled client and its secret: base64 of a GUID, as App ID's are; empty for a public client."""
    client_id = new_id(entropy)
    secret = "" if type == PUBLIC else base64.b64encode(new_id(entropy).encode()).decode()
    client = Client(
        id=client_id, tenant_id=tenant_id, name=name, type=type, created_at=now_ms,
        secret_digest=digest(secret) if secret else "",
        sealed_secret=sealing.seal(secret.encode(), secret_place(tenant_id, client_id)) if secret else "",
    )  # fmt: skip
    work.add(client)
    touch(work, tenant_id)
    return client, secret


def secret_place(tenant_id: str, client_id: str) -> Place:
    """Where the readable copy of a client's secret is sealed."""
    return Place(tenant_id, "clients", client_id, "sealed_secret")
