"""`ostiary apikey`: the API keys of administrators and management clients."""

from __future__ import annotations

from typing import Any

import click

from ostiary.access.api_keys import ROLES, create_api_key, list_api_keys, revoke_api_key
from ostiary.cli.operating import operating, recorded
from ostiary.cli.options import STORE, as_json, with_settings
from ostiary.cli.printing import print_facts, print_json, print_table
from ostiary.clock import rfc3339
from ostiary.config import Settings
from ostiary.directory.tenants.tenants import get_tenant
from ostiary.store.tables import ApiKey
from ostiary.store.tenancy import SYSTEM_ID


@click.group("apikey")
def command() -> None:
    """API keys: exchanged for access tokens at /identity/token. TENANT is an id or a name; the keys of `System` are
    platform operators', who may do everything everywhere.

    \b
    Examples
      ostiary apikey create acme --role reader --name "nightly report"
      ostiary apikey create System --name "jane's laptop"
      ostiary apikey revoke acme 4f1c…
    """


@command.command()
@click.argument("tenant")
@click.option("--role", type=click.Choice(ROLES), help="What it may do.  [default: manager; of System: operator]")
@click.option("--name", default="", metavar="TEXT", help="What it is for; shown in lists.")
@with_settings(*STORE)
@as_json
def create(settings: Settings, tenant: str, role: str | None, name: str, as_json: bool) -> None:
    """Makes an API key and prints it. Only its digest is kept: nobody can read it again."""
    with operating(settings) as runtime, runtime.store.write() as work:
        tenant_id = get_tenant(work, tenant).id
        role = role or ("platform_operator" if tenant_id == SYSTEM_ID else "manager")
        key, secret = create_api_key(work, tenant_id, name, role, runtime.entropy, runtime.clock.now_ms())
        recorded(runtime, work, "apikey.create", tenant_id, key.id)
        shown = {"id": key.id, "tenantId": tenant_id, "name": name, "role": role, "apikey": secret}
    if as_json:
        print_json(shown)
    else:
        print_facts(shown)


@command.command("list")
@click.argument("tenant")
@with_settings(*STORE)
@as_json
def list_(settings: Settings, tenant: str, as_json: bool) -> None:
    """Lists the API keys of a tenant, oldest first, revoked ones included; never the keys themselves."""
    with operating(settings) as runtime, runtime.store.read() as work:
        keys = [_document(key) for key in list_api_keys(work, get_tenant(work, tenant).id)]
    if as_json:
        print_json(keys)
    else:
        shown = ("id", "name", "role", "createdAt", "revokedAt")
        print_table(("ID", "NAME", "ROLE", "CREATED", "REVOKED"), [[key[name] for name in shown] for key in keys])


@command.command()
@click.argument("tenant")
@click.argument("key_id")
@with_settings(*STORE)
@as_json
def revoke(settings: Settings, tenant: str, key_id: str, as_json: bool) -> None:
    """Ends an API key, and every token made with it, from the next request on."""
    with operating(settings) as runtime, runtime.store.write() as work:
        tenant_id = get_tenant(work, tenant).id
        revoke_api_key(work, tenant_id, key_id, runtime.clock.now_ms())
        recorded(runtime, work, "apikey.revoke", tenant_id, key_id)
    if as_json:
        print_json({"id": key_id, "tenantId": tenant_id, "revoked": True})
    else:
        click.echo(f"The API key {key_id} is revoked.")


def _document(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id, "name": key.name, "role": key.role, "createdAt": rfc3339(key.created_at),
        "revokedAt": rfc3339(key.revoked_at) if key.revoked_at else "",
    }  # fmt: skip
