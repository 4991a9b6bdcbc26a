"""`ostiary migrate`: brings the schema up to this release."""

from __future__ import annotations

import click

from ostiary.cli.options import as_json, with_settings
from ostiary.cli.printing import print_json
from ostiary.config import Settings
from ostiary.store.schema import upgrade


@click.command("migrate")
@with_settings("config", "data", "database")
@as_json
def command(settings: Settings, as_json: bool) -> None:
    """Brings the store's schema up to this release, in one transaction; does nothing when it is there already.

    Takes a lock, so that any number may be started at once. Servers of the release before keep running on the new
    schema: migrate first, then replace them one by one. There is no way back: make a backup first.
    """
    before, after = upgrade(settings.database_url)
    if as_json:
        print_json({"before": before, "after": after})
    else:
        click.echo(f"The schema is at {after:04}{'' if before == after else f', it was at {before:04}'}.")
