"""`ostiary init`: creates an installation."""

from __future__ import annotations

from contextlib import closing

import click

from ostiary.cli.foundation import found, is_founded, shell_variables
from ostiary.cli.options import STORE, as_json, with_public_url, with_settings
from ostiary.cli.printing import print_facts, print_json, print_variables
from ostiary.clock import SystemClock
from ostiary.config import Settings
from ostiary.database_url import shown
from ostiary.ids import SystemEntropy
from ostiary.keys.issuers import Issuers
from ostiary.keys.master_key import master_key
from ostiary.keys.sealing import Sealing, new_master_key
from ostiary.store.engine import Store
from ostiary.store.schema import upgrade
from ostiary.store.tenancy import default_tenant


@click.command("init")
@with_settings(*STORE)
@with_public_url
@click.option("--tenant", default="default", metavar="NAME", show_default=True, help="Name of the first tenant.")
@click.option("--if-needed", is_flag=True, help="Where there is an installation, only update its schema.")
@click.option("--env", "as_variables", is_flag=True, help="Print shell variables and nothing else.")
@as_json
def command(
    settings: Settings, public_url: str, tenant: str, if_needed: bool, as_variables: bool, as_json: bool
) -> None:  # fmt: skip
    """Makes an installation: the store's schema, a master key (mode 0600), a first tenant with one application, a
    Manager API key of the tenant and a platform operator's API key.

    The keys are printed once and kept as digests: nobody can read them again.

    \b
    Examples
      ostiary init
      eval "$(ostiary init --env)"; curl "$IAM" -d grant_type=urn:ibm:params:oauth:grant-type:apikey -d apikey="$APIKEY"
      ostiary init --data /srv/ostiary --tenant acme --public-url https://id.example.com --json > credentials.json
      ostiary init --database postgresql://ostiary@db/ostiary --if-needed
    """
    if as_json and as_variables:
        raise click.UsageError("--env and --json exclude each other")
    url = public_url or settings.base_url
    where = shown(settings.database_url)
    upgrade(settings.database_url)
    with closing(Store(settings.database_url)) as store:
        if if_needed and is_founded(store):
            with store.read() as work:
                tenant_id = default_tenant(work)
            account = Issuers(url).account(tenant_id) if tenant_id else ""
            _say_existing(where, account, as_json=as_json, as_variables=as_variables)
            return
        sealing = Sealing(SystemEntropy(), _master_key(settings))
        credentials = found(store, sealing, SystemClock(), SystemEntropy(), tenant)
    if as_json:
        print_json(credentials.document(url))
    elif as_variables:
        print_variables(shell_variables(credentials.document(url)))
    else:
        click.echo(f"A new installation in {where}. Keep these: secret, apikey and operatorApikey are shown once.\n")
        print_facts(credentials.document(url))


def _say_existing(where: str, account: str, *, as_json: bool, as_variables: bool) -> None:
    """Says that the installation exists, and where its people sign in: `account`, empty where the first tenant is gone.
    Its credentials were shown once; a shell that evaluates the output must not take this message for one of them."""
    if as_json:
        print_json({"existing": True, "database": where, **({"accountUrl": account} if account else {})})
        return
    click.echo(f"ostiary: the installation is in {where}", err=as_variables)
    if account:
        click.echo(f"People sign in and sign up at {account}", err=as_variables)


def _master_key(settings: Settings) -> bytes:
    """The key that the operator gave, or a new one in its file."""
    if settings.master_key is None and not settings.key_file.exists():
        return new_master_key(settings.key_file, SystemEntropy())
    return master_key(settings)
