"""`ostiary import`: import of tenants from other servers."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, ExitStack, closing
from typing import Any

import click

from ostiary.cli.import_target import local_target
from ostiary.cli.options import STORE, as_json, with_settings
from ostiary.cli.printing import print_json, print_table
from ostiary.cli.progress import Bars
from ostiary.config import Settings
from ostiary.migrating.copying import Copying
from ostiary.migrating.management import AddressError, ApiError, ManagementApi
from ostiary.migrating.report import Report
from ostiary.migrating.target import Target, remote_target
from ostiary.migrating.tenant_copy import copy_tenant

SERVER = ("listen", "public_url", "tls_cert", "tls_key", "trusted_hops")
"""The settings that say where the server of this installation is."""


@click.group("import")
def command() -> None:
    """Copies tenants from other servers."""


@command.command()
@click.option(
    "--url", required=True, metavar="URL", help="managementUrl of the tenant: https://…/management/v4/TENANT."
)
@click.option(
    "--apikey",
    required=True,
    envvar="APPID_APIKEY",
    metavar="KEY",
    help="An API key of it, of a Manager; - reads it from standard input.  [variable: APPID_APIKEY]",
)
@click.option(
    "--iam-url",
    default="",
    metavar="URL",
    help="Where its API keys become tokens.  [default: IBM's for IBM's hosts, else /identity/token there]",
)
@click.option(
    "--tenant",
    default="",
    metavar="TENANT",
    help="Copy into this tenant, which is made if it is not there.  [default: one with the source's id]",
)
@click.option("--to-url", default="", metavar="URL", help="Copy to another server instead: managementUrl of a tenant.")
@click.option(
    "--to-apikey",
    default="",
    envvar="APPID_TO_APIKEY",
    metavar="KEY",
    help="An API key of that tenant.  [variable: APPID_TO_APIKEY]",
)
@click.option("--to-iam-url", default="", metavar="URL", help="As --iam-url, of that server.")
@click.option(
    "--reset-passwords", is_flag=True, help="Take users whose password hash cannot be opened without a password."
)
@click.option("--dry-run", is_flag=True, help="Write nothing; say what would be written.")
@with_settings(*STORE, *SERVER)
@as_json
def appid(
    settings: Settings, url: str, apikey: str, iam_url: str, tenant: str, to_url: str, to_apikey: str, to_iam_url: str,
    reset_passwords: bool, dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """Copies a tenant from any server that speaks App ID's management API v4 into this installation, whose server must
    run: settings, identity providers, texts, logo, applications with client ids and secrets, scopes, roles, users with
    their password hashes, profiles.

    Nothing is deleted, and what is the same already is left alone, so it may be repeated: after an interruption, or to
    fetch what changed meanwhile. What could not be carried is listed at the end. Exit code 1: something was refused.
    docs/migrating.md leads through a move.

    \b
    Examples
      APPID_APIKEY=… ostiary import appid --url https://eu-de.appid.cloud.ibm.com/management/v4/39a3… --dry-run
      ostiary import appid --url https://old.example.com/management/v4/39a3… --apikey - --tenant acme < key.txt
    """  # fmt: skip
    if to_url and tenant:
        raise click.UsageError("--tenant is for this installation; --to-url names its tenant itself")
    if bool(to_url) != bool(to_apikey):
        raise click.UsageError("--to-url and --to-apikey belong together")
    report = Report()
    try:
        with ExitStack() as stack:
            key = sys.stdin.readline().strip() if apikey == "-" else apikey
            source = stack.enter_context(closing(ManagementApi(url, key, iam_url)))
            opened: AbstractContextManager[Target] = (
                remote_target(to_url, to_apikey, to_iam_url)
                if to_url
                else local_target(settings, source, tenant, dry_run=dry_run)
            )
            target = stack.enter_context(opened)
            bars = stack.enter_context(Bars(hidden=as_json))
            copy_tenant(_copying(source, target, report, bars, dry_run=dry_run, reset_passwords=reset_passwords))
    except AddressError as error:
        raise click.UsageError(str(error)) from error
    except ApiError as error:
        _print(report, target_id="", dry_run=dry_run, as_json=as_json)
        raise click.ClickException(
            f"{str(error).rstrip('.')}. Repeat the same command: what was copied is left alone."
        ) from error
    _print(report, target_id=target.api.tenant_id if target.api else "", dry_run=dry_run, as_json=as_json)
    if report.has_failures:
        raise click.exceptions.Exit(1)


def _copying(
    source: ManagementApi, target: Target, report: Report, bars: Bars, *, dry_run: bool, reset_passwords: bool
) -> Copying:
    return Copying(
        source, target.api, report, dry_run, target.make_application, bars.show, reset_passwords=reset_passwords
    )


def _print(report: Report, *, target_id: str, dry_run: bool, as_json: bool) -> None:
    document: dict[str, Any] = {"tenantId": target_id, "dryRun": dry_run, **report.document()}
    if as_json:
        print_json(document)
        return
    outcomes = list(dict.fromkeys(name for counts in report.counts.values() for name in counts))
    rows = [[part, *(counts[name] or "" for name in outcomes)] for part, counts in report.counts.items()]
    click.echo(f"{'Would be copied' if dry_run else 'Copied'} into tenant {target_id or '(a new one)'}")
    print_table(("PART", *(name.upper() for name in outcomes)), rows)
    for note in report.notes:
        click.echo(f"  {note.part}: {note.item}: {note.why}")
    if report.notes_beyond:
        click.echo(f"  and {report.notes_beyond} more")
