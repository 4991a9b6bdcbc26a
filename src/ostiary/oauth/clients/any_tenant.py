"""Client authentication at paths that name no tenant: several tenants may have a client of one id, so the secret
decides."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import bindparam, select

from ostiary.http.forms import Form
from ostiary.ids import digest, same
from ostiary.names import is_text
from ostiary.oauth.clients.authentication import Presented, find_proved_client, invalid_client, presented_client
from ostiary.oauth.clients.clients import ClientView, find_client
from ostiary.oauth.clients.mobile_apps import MOBILE
from ostiary.store.prepared import prepared
from ostiary.store.tables import Client, table_of
from ostiary.store.tenancy import Tenancy, TenantView
from ostiary.store.work import Work

MAX_CANDIDATES = 256
"""The number of tenants with a client of one id that are looked at; a client of a further one must name its tenant."""
_CLIENTS = table_of(Client)
_CANDIDATES = prepared(
    select(_CLIENTS.c.tenant_id, _CLIENTS.c.secret_digest)
    .where(_CLIENTS.c.id == bindparam("client_id"), _CLIENTS.c.type != MOBILE)
    .order_by(_CLIENTS.c.tenant_id)
    .limit(MAX_CANDIDATES)
)


def authenticate_client_of_any_tenant(
    work: Work, tenancy: Tenancy, authorization: str, form: Form, tenant_id: str = ""
) -> tuple[TenantView, ClientView]:
    """The client that sent the request, and its tenant; `authorization` is the header of that name.

    Every enabled tenant's client with this id is a candidate; the secret decides. `tenant_id` is the tenant that the
    request speaks of, if any: it comes first, so that it decides between clients with the same id and secret, and
    between public ones; the caller still checks that the client is of that tenant. Raises `invalid_client` (401),
    alike for unknown, disabled, wrong, and for what fits the clients of several tenants.
    """
    presented = presented_client(authorization, form)
    here = _client_at(work, tenancy, tenant_id, presented) if tenant_id and is_text(tenant_id) else None
    if here is not None:
        return here
    tenants = dict.fromkeys(_proved_tenants(work, presented))
    found = [each for owner in tenants if (each := _client_at(work, tenancy, owner, presented)) is not None]
    if len(found) != 1:
        raise invalid_client()
    return found[0]


def find_client_of_any_tenant(
    work: Work, tenancy: Tenancy, client_id: str, tenant_id: str = ""
) -> tuple[TenantView, ClientView] | None:
    """The enabled client with this id, which proves nothing, and its tenant; where several tenants have one, that of
    `tenant_id`. None when there is none, or no single one."""
    if not client_id or not is_text(client_id) or not is_text(tenant_id):
        return None
    rows = work.rows(_CANDIDATES, {"client_id": client_id})
    owners = [row.tenant_id for row in rows if tenant_id in ("", row.tenant_id)]
    found = [each for owner in owners if (each := _named_at(work, tenancy, owner, client_id)) is not None]
    return found[0] if len(found) == 1 else None


def _named_at(work: Work, tenancy: Tenancy, tenant_id: str, client_id: str) -> tuple[TenantView, ClientView] | None:
    tenant = tenancy.find(work, tenant_id)
    client = find_client(work, tenant, client_id) if tenant is not None and tenant.enabled else None
    return (tenant, client) if tenant is not None and client is not None and client.enabled else None


def _client_at(
    work: Work, tenancy: Tenancy, tenant_id: str, presented: Presented
) -> tuple[TenantView, ClientView] | None:
    tenant = tenancy.find(work, tenant_id)
    if tenant is None or not tenant.enabled:
        return None
    client = find_proved_client(work, tenant, presented)
    return (tenant, client) if client is not None and client.app is None else None


def _proved_tenants(work: Work, presented: Presented) -> Iterator[str]:
    """The tenants with a client that one of the readings proves; each secret is compared in constant time."""
    for client_id, secret in presented.readings:
        if not is_text(client_id):
            continue
        expected = digest(secret) if secret else ""
        rows = work.rows(_CANDIDATES, {"client_id": client_id})
        yield from (row.tenant_id for row in rows if same(row.secret_digest, expected))
