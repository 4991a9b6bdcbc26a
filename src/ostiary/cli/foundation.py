"""Creation of an installation: the operators' organization, the first tenant, and the credentials of both.

All of it is stored in one transaction: the installation is complete or does not exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from ostiary.access.api_keys import create_api_key
from ostiary.clock import Clock
from ostiary.directory.tenants.tenants import create_system, create_tenant
from ostiary.errors import conflict
from ostiary.ids import Entropy
from ostiary.keys.issuers import Issuers
from ostiary.keys.keyring import TOKEN, first_keys
from ostiary.keys.sealing import Sealing
from ostiary.oauth.clients.clients import CONFIDENTIAL, create_client
from ostiary.store.copies import declare_original
from ostiary.store.engine import Store
from ostiary.store.installation import MASTER_KEY, read_fact, record_fact
from ostiary.store.tenancy import SYSTEM_ID
from ostiary.store.work import Work

FIRST_APPLICATION = "first-application"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The credentials of a new installation, shown once."""

    tenant_id: str
    client_id: str
    secret: str
    api_key: str
    operator_api_key: str

    def document(self, public_url: str) -> dict[str, str]:
        """As App ID's service credentials write it, and beside them the operators' key and the gRPC address."""
        issuer = Issuers(public_url).tenant(self.tenant_id)
        return {
            "tenantId": self.tenant_id,
            "clientId": self.client_id,
            "secret": self.secret,
            "apikey": self.api_key,
            "managementUrl": f"{public_url}/management/v4/{self.tenant_id}",
            "oauthServerUrl": issuer,
            "profilesUrl": public_url,
            "discoveryEndpoint": f"{issuer}/.well-known/openid-configuration",
            "iamTokenUrl": f"{public_url}/identity/token",
            "accountUrl": Issuers(public_url).account(self.tenant_id),
            "operatorApikey": self.operator_api_key,
            "grpc": _host_and_port(public_url),
        }


SHELL = {
    "TENANT": "tenantId", "APIKEY": "apikey", "IAM": "iamTokenUrl", "MANAGEMENT": "managementUrl",
    "OAUTH": "oauthServerUrl", "GRPC": "grpc", "OPERATOR_APIKEY": "operatorApikey",
}  # fmt: skip
"""Shell variable → name in the document of credentials. CLIENT, which is made of two of them, is added."""


def shell_variables(document: Mapping[str, str]) -> dict[str, str]:
    """The credentials under the names that the examples of the README use."""
    client = f"{document['clientId']}:{document['secret']}"
    return {**{variable: document[name] for variable, name in SHELL.items()}, "CLIENT": client}


def is_founded(store: Store) -> bool:
    """Whether the store holds an installation. Its schema must be there."""
    with store.read() as work:
        return read_fact(work, MASTER_KEY) is not None


def found(store: Store, sealing: Sealing, clock: Clock, entropy: Entropy, tenant_name: str) -> Credentials:
    """Makes the installation in an empty store. Raises ALREADY_INSTALLED."""
    with store.write() as work:
        if read_fact(work, MASTER_KEY) is not None:
            raise conflict("ALREADY_INSTALLED", "there is an installation already; --if-needed accepts it")
        now_ms = clock.now_ms()
        record_fact(work, MASTER_KEY, sealing.key_id)
        declare_original(work)
        create_system(work, now_ms)
        tenant = create_tenant(work, tenant_name, entropy, now_ms, is_default=True)
        for tenant_id in (SYSTEM_ID, tenant.id):  # made here, though it takes a while: nobody waits for an empty store
            work.add(*first_keys(sealing, tenant_id, TOKEN, now_ms))
        return _credentials(work, sealing, entropy, tenant.id, now_ms)


def _credentials(work: Work, sealing: Sealing, entropy: Entropy, tenant_id: str, now_ms: int) -> Credentials:
    client, secret = create_client(work, sealing, entropy, tenant_id, FIRST_APPLICATION, CONFIDENTIAL, now_ms)
    _, api_key = create_api_key(work, tenant_id, "first manager", "manager", entropy, now_ms)
    _, operator = create_api_key(work, SYSTEM_ID, "first operator", "platform_operator", entropy, now_ms)
    return Credentials(tenant_id, client.id, secret, api_key, operator)


def _host_and_port(public_url: str) -> str:
    parts = urlsplit(public_url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{host}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
