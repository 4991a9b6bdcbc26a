"""`ostiary tenant`: creates, shows, disables and deletes tenants."""

from __future__ import annotations

from typing import Any

import click
from sqlalchemy import func, select

from ostiary.background.jobs import deletions, run_job
from ostiary.cli.operating import operating, recorded
from ostiary.cli.options import STORE, as_json, with_settings
from ostiary.cli.printing import print_facts, print_json, print_table
from ostiary.clock import rfc3339
from ostiary.config import Settings
from ostiary.directory.tenants.deletion import begin_deletion
from ostiary.directory.tenants.tenants import create_tenant, get_tenant, list_tenants, set_tenant_state
from ostiary.ids import new_id
from ostiary.store.tables import ApiKey, Client, MobileApp, Tenant, User, table_of
from ostiary.store.tenancy import SYSTEM_ID
from ostiary.store.work import Work

COUNTED = {
    "users": table_of(User), "applications": table_of(Client), "mobileApps": table_of(MobileApp),
    "apiKeys": table_of(ApiKey),
}  # fmt: skip


@click.group("tenant")
def command() -> None:
    """Tenants: each with its own users, applications, settings and keys. TENANT is an id or a name.

    \b
    Examples
      ostiary tenant create acme --display-name "Acme Inc."
      ostiary tenant list --json | jq -r '.[].id'
      ostiary tenant delete acme
    """


@command.command()
@click.argument("name")
@click.option("--display-name", default="", metavar="TEXT", help="Name for people.  [default: NAME]")
@click.option("--parent", default="", metavar="TENANT", help="The organization that it belongs to.")
@with_settings(*STORE)
@as_json
def create(settings: Settings, name: str, display_name: str, parent: str, as_json: bool) -> None:
    """Makes a tenant. Give it an API key next: `ostiary apikey create NAME`."""
    with operating(settings) as runtime:
        with runtime.store.write() as work:
            parent_id = get_tenant(work, parent).id if parent else None
            now_ms = runtime.clock.now_ms()
            tenant = create_tenant(
                work, name, runtime.entropy, now_ms, display_name=display_name, parent_id=parent_id
            )  # fmt: skip
            recorded(runtime, work, "tenant.create", SYSTEM_ID, tenant.id)
            shown = _document(tenant)
        runtime.keys.ensure(tenant.id)
    _print(shown, as_json)


@command.command("list")
@click.option("--deleted", is_flag=True, help="Also those that are gone.")
@with_settings(*STORE)
@as_json
def list_(settings: Settings, deleted: bool, as_json: bool) -> None:
    """Lists the tenants by name."""
    with operating(settings) as runtime, runtime.store.read() as work:
        tenants = [_document(tenant) for tenant in list_tenants(work, deleted=deleted)]
    if as_json:
        print_json(tenants)
    else:
        shown = ("id", "name", "state", "createdAt")
        print_table(("ID", "NAME", "STATE", "CREATED"), [[tenant[name] for name in shown] for tenant in tenants])


@command.command()
@click.argument("tenant")
@with_settings(*STORE)
@as_json
def show(settings: Settings, tenant: str, as_json: bool) -> None:
    """Shows a tenant and how much it holds."""
    with operating(settings) as runtime, runtime.store.read() as work:
        found = get_tenant(work, tenant)
        document = {**_document(found), **_counts(work, found.id)}
    _print(document, as_json)


@command.command()
@click.argument("tenant")
@with_settings(*STORE)
@as_json
def disable(settings: Settings, tenant: str, as_json: bool) -> None:
    """Refuses all requests of a tenant from the next one on. Nothing is lost: `enable` brings it back."""
    _set_state(settings, tenant, "disabled", as_json)


@command.command()
@click.argument("tenant")
@with_settings(*STORE)
@as_json
def enable(settings: Settings, tenant: str, as_json: bool) -> None:
    """Lets a disabled tenant work again."""
    _set_state(settings, tenant, "enabled", as_json)


@command.command()
@click.argument("tenant")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_settings(*STORE)
@as_json
def delete(settings: Settings, tenant: str, yes: bool, as_json: bool) -> None:
    """Deletes a tenant with all that it holds. There is no way back.

    Its keys are destroyed first and it is refused everywhere from the next request on; its rows are deleted little by
    little. Interrupted, the rest is done by a running server. Its name is free at once, its id never used again.
    """
    with operating(settings) as runtime:
        with runtime.store.read() as work:
            found = get_tenant(work, tenant)
        if not yes:
            click.confirm(f"Delete tenant {found.name} ({found.id}) with all its users?", abort=True, err=True)
        with runtime.store.write() as work:
            job = begin_deletion(work, found.id, runtime.entropy, runtime.clock.now_ms())
            recorded(runtime, work, "tenant.delete", SYSTEM_ID, found.id)
            job_id = job.id
        done = run_job(
            runtime.store, runtime.clock, new_id(runtime.entropy), job_id, deletions(runtime.store, runtime.clock)
        )
    state = "deleted" if done else "deleting"
    _print({"id": found.id, "name": found.name, "state": state}, as_json)


def _set_state(settings: Settings, named: str, state: str, as_json: bool) -> None:
    with operating(settings) as runtime, runtime.store.write() as work:
        tenant = set_tenant_state(work, get_tenant(work, named).id, state, runtime.clock.now_ms())
        recorded(runtime, work, f"tenant.{state.removesuffix('d')}", SYSTEM_ID, tenant.id)
        shown = _document(tenant)
    _print(shown, as_json)


def _document(tenant: Tenant) -> dict[str, Any]:
    return {
        "id": tenant.id, "name": tenant.name, "displayName": tenant.display_name, "kind": tenant.kind,
        "parentId": tenant.parent_id or "", "isDefault": tenant.is_default, "state": tenant.state,
        "createdAt": rfc3339(tenant.created_at),
    }  # fmt: skip


def _counts(work: Work, tenant_id: str) -> dict[str, int]:
    counted = {}
    for name, table in COUNTED.items():
        row = work.row(select(func.count()).select_from(table).where(table.c.tenant_id == tenant_id))
        counted[name] = row[0] if row else 0
    counted["applications"] -= counted["mobileApps"]  # which are clients too
    return counted


def _print(document: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(document)
    else:
        print_facts(document)
