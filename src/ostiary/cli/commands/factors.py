"""`ostiary factors`: the second factors of a tenant's users, for whoever has lost a device."""

from __future__ import annotations

import os
from typing import Any

import click

from ostiary.audit.factor_events import factor_removed
from ostiary.cli.operating import operating
from ostiary.cli.options import STORE, Command, as_json, with_settings
from ostiary.cli.printing import print_json, print_table
from ostiary.clock import rfc3339
from ostiary.config import Settings
from ostiary.directory.factors.factors import FactorView, list_factors, lock_factors, remove_factor
from ostiary.directory.tenants.tenants import get_tenant
from ostiary.directory.users.users import find_by_login, find_user
from ostiary.errors import not_found
from ostiary.store.work import Work


@click.group("factors")
def command() -> None:
    """Second factors of users: authenticator apps, passkeys, recovery codes, and the addresses and numbers that have
    received a code. USER is an id, a user name or a mail address.

    Whoever has lost a device needs its factor removed, and proves what is left at the next sign-in, or sets up a new
    one. With the last app or passkey go the recovery codes. Be sure whom you help: without the factor the password is
    enough. Who is only locked after wrong codes needs nothing removed: the lock ends after half an hour, or when an
    administrator sets the user's `active` to true. Sessions stay; factors of other users are not touched.

    \b
    Examples
      ostiary factors list ada@example.com --tenant acme
      ostiary factors list ada@example.com --tenant acme --json | jq -r '.[] | select(.kind == "totp").id'
      ostiary factors remove 0d3b… --user ada@example.com --tenant acme
      ostiary factors remove --all --user ada@example.com --tenant acme
    """


def of_tenant(command: Command) -> Command:
    """Gives a command the tenant that it is about."""
    return click.option("--tenant", required=True, metavar="TENANT", help="An id or a name.")(command)


@command.command("list")
@click.argument("user")
@of_tenant
@with_settings(*STORE)
@as_json
def list_(settings: Settings, user: str, tenant: str, as_json: bool) -> None:
    """Lists the second factors of a user, the oldest first; never their secrets."""
    with operating(settings) as runtime, runtime.store.read() as work:
        tenant_id = get_tenant(work, tenant).id
        factors = [_document(one) for one in list_factors(work, tenant_id, _user_id(work, tenant_id, user))]
    if as_json:
        print_json(factors)
        return
    shown = ("id", "kind", "name", "target", "createdAt", "lastUsedAt")
    headers = ("ID", "KIND", "NAME", "SENT TO", "CREATED", "LAST USED")
    print_table(headers, [[one[name] for name in shown] for one in factors])


@command.command()
@click.argument("factor_id", required=False, default="")
@click.option("--all", "every", is_flag=True, help="All factors that the user has, in place of FACTOR_ID.")
@click.option("--user", required=True, metavar="USER", help="An id, a user name or a mail address.")
@of_tenant
@with_settings(*STORE)
@as_json
def remove(settings: Settings, factor_id: str, every: bool, user: str, tenant: str, as_json: bool) -> None:
    """Removes a second factor of a user, or all; acts on the next request."""
    if bool(factor_id) == every:
        raise click.UsageError("Give the FACTOR_ID that `ostiary factors list` shows, or --all.")
    with operating(settings) as runtime, runtime.store.write() as work:
        tenant_id = get_tenant(work, tenant).id
        gone = _removed(work, tenant_id, _user_id(work, tenant_id, user), factor_id)
        who = ("command_line", str(os.getuid()))
        for one in gone:
            runtime.events.emit(work, factor_removed(tenant_id, who, one.id, one.kind))
    if as_json:
        print_json([_document(one) for one in gone])
    elif gone:
        click.echo("\n".join(f"The factor {one.id} ({one.kind}) is removed." for one in gone))
    else:
        click.echo("The user has no factors.")


def _removed(work: Work, tenant_id: str, user_id: str, factor_id: str) -> list[FactorView]:
    """Removes one factor, or all where `factor_id` is empty, and returns them. Raises FACTOR_NOT_FOUND."""
    lock_factors(work, tenant_id, user_id)
    gone: list[FactorView] = []
    while wanted := factor_id or next((one.id for one in list_factors(work, tenant_id, user_id)), ""):
        gone += remove_factor(work, tenant_id, user_id, wanted)
        if factor_id:
            break
    return gone


def _user_id(work: Work, tenant_id: str, named: str) -> str:
    """The id of the user that is named so. Raises USER_NOT_FOUND."""
    known = find_user(work, tenant_id, named)
    user_id = known.id if known else find_by_login(work, tenant_id, named)
    if not user_id:
        raise not_found("USER_NOT_FOUND", f"There is no user {named} in this tenant.")
    return user_id


def _document(factor: FactorView) -> dict[str, Any]:
    used = factor.last_used_at
    return {
        "id": factor.id, "kind": factor.kind, "name": factor.name, "target": factor.target,
        "createdAt": rfc3339(factor.created_at), "lastUsedAt": rfc3339(used) if used else "",
    }  # fmt: skip
