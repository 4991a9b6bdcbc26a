"""`ostiary scim-token`: the SCIM tokens of provisioning clients."""

from __future__ import annotations

import os
from typing import Any

import click

from ostiary.access.scim_tokens import (
    MOST_DAYS,
    MOST_OVERLAP_HOURS,
    USUAL_OVERLAP_HOURS,
    Maker,
    create_scim_token,
    list_scim_tokens,
    revoke_scim_token,
    rotate_scim_token,
)
from ostiary.cli.operating import operating, recorded
from ostiary.cli.options import STORE, Command, as_json, with_public_url, with_settings
from ostiary.cli.printing import print_facts, print_json, print_table
from ostiary.clock import rfc3339
from ostiary.config import Settings
from ostiary.directory.roles.granting import installation_operator
from ostiary.directory.tenants.tenants import get_tenant

_days = click.option(
    "--days", type=click.IntRange(1, MOST_DAYS), metavar="NUMBER", help="Days for which it is good.  [default: no end]"
)


@click.group("scim-token")
def command() -> None:
    """SCIM tokens: what a provisioning client, such as Entra or Okta, sends to create, change and remove users and
    groups of one tenant. Such a token opens /scim/v2 of its tenant and nothing else, and changes nobody who holds more
    than a member.

    Into Entra's form go `scimUrl` as "Tenant URL" and `value` as "Secret token"; into Okta's, `scimUrl` as "SCIM
    connector base URL" and `value` with the authentication mode "HTTP Header". The value is printed once and never
    logged: only its digest is kept. To change it, rotate the token: a new one would not find the old one's externalIds.

    \b
    Examples
      ostiary scim-token create --tenant acme --name Entra --days 365
      ostiary scim-token create --tenant acme --name report --read-only --json | jq -r .value
      ostiary scim-token rotate 4f1c… --tenant acme --overlap-hours 48
      ostiary scim-token revoke 4f1c… --tenant acme
    """


def of_tenant(command: Command) -> Command:
    """Gives a command the tenant that it is about."""
    return click.option("--tenant", required=True, metavar="TENANT", help="An id or a name.")(command)


@command.command()
@of_tenant
@click.option("--name", required=True, metavar="TEXT", help="What it is for; shown in lists.")
@_days
@click.option("--read-only", is_flag=True, help="It only reads.")
@with_public_url
@with_settings(*STORE)
@as_json
def create(
    settings: Settings, tenant: str, name: str, days: int | None, read_only: bool, public_url: str, as_json: bool
) -> None:  # fmt: skip
    """Makes a SCIM token and prints its value, which nobody can read again."""
    with operating(settings) as runtime, runtime.store.write() as work:
        tenant_id = get_tenant(work, tenant).id
        maker = Maker("command_line", str(os.getuid()), installation_operator)
        made, value = create_scim_token(
            work, tenant_id, name, days, maker, runtime.entropy, runtime.clock.now_ms(), read_only=read_only
        )  # fmt: skip
        recorded(runtime, work, "scim-token.create", tenant_id, made.id)
    _print({**_document(made), "value": value, "scimUrl": f"{public_url or settings.base_url}/scim/v2"}, as_json)


@command.command("list")
@of_tenant
@with_settings(*STORE)
@as_json
def list_(settings: Settings, tenant: str, as_json: bool) -> None:
    """Lists the SCIM tokens of a tenant, oldest first, with those that have ended; never their values."""
    with operating(settings) as runtime, runtime.store.read() as work:
        found = list_scim_tokens(work, get_tenant(work, tenant).id, runtime.clock.now_ms())
        tokens = [_document(row) for row in found]
    if as_json:
        print_json(tokens)
        return
    shown = ("id", "name", "readOnly", "createdBy", "createdAt", "lastUsedAt", "expiresAt")
    headers = ("ID", "NAME", "READ ONLY", "MADE BY", "CREATED", "LAST USED", "EXPIRES")
    print_table(headers, [[token[name] for name in shown] for token in tokens])


@command.command()
@click.argument("token_id")
@of_tenant
@click.option(
    "--overlap-hours", type=click.IntRange(0, MOST_OVERLAP_HOURS), default=USUAL_OVERLAP_HOURS, show_default=True,
    metavar="NUMBER", help="Hours for which the value of now stays good; 0 ends it at once.",
)  # fmt: skip
@_days
@with_public_url
@with_settings(*STORE)
@as_json
def rotate(
    settings: Settings, token_id: str, tenant: str, overlap_hours: int, days: int | None, public_url: str,
    as_json: bool,
) -> None:  # fmt: skip
    """Gives a SCIM token a new value and prints it; its end stays as it is unless --days says another one."""
    with operating(settings) as runtime, runtime.store.write() as work:
        tenant_id = get_tenant(work, tenant).id
        made, value = rotate_scim_token(
            work, tenant_id, token_id, overlap_hours, days, installation_operator, runtime.entropy,
            runtime.clock.now_ms(),
        )  # fmt: skip
        recorded(runtime, work, "scim-token.rotate", tenant_id, token_id)
    _print({**_document(made), "value": value, "scimUrl": f"{public_url or settings.base_url}/scim/v2"}, as_json)


@command.command()
@click.argument("token_id")
@of_tenant
@with_settings(*STORE)
@as_json
def revoke(settings: Settings, token_id: str, tenant: str, as_json: bool) -> None:
    """Ends a SCIM token from the next request on."""
    with operating(settings) as runtime, runtime.store.write() as work:
        tenant_id = get_tenant(work, tenant).id
        revoke_scim_token(work, tenant_id, token_id)
        recorded(runtime, work, "scim-token.revoke", tenant_id, token_id)
    if as_json:
        print_json({"id": token_id, "tenantId": tenant_id, "revoked": True})
    else:
        click.echo(f"The SCIM token {token_id} is revoked.")


def _document(row: Any) -> dict[str, Any]:
    moments = {"expiresAt": row.expires_at, "lastUsedAt": row.last_used_at, "previousValueUntil": row.overlap_until}
    return {
        "id": row.id, "tenantId": row.tenant_id, "name": row.name, "readOnly": row.read_only,
        "createdBy": row.maker_name or f"{row.maker_kind} {row.maker_id}", "createdAt": rfc3339(row.created_at),
        **{name: rfc3339(at) if at is not None else "" for name, at in moments.items()},
    }  # fmt: skip


def _print(document: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(document)
    else:
        print_facts(document)
