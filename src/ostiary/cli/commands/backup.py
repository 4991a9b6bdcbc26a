"""`ostiary backup`: a copy of the embedded store while it is in use."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from ostiary.cli.options import as_json, with_settings
from ostiary.cli.printing import print_json
from ostiary.clock import SystemClock
from ostiary.config import ConfigurationError, Settings
from ostiary.store import schema
from ostiary.store.copies import copy_sqlite
from ostiary.store.engine import Store
from ostiary.store.installation import check_installed


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
@with_settings("config", "data", "database")
@as_json
def command(settings: Settings, file: Path, as_json: bool) -> None:
    """Copies the embedded store (SQLite) to FILE, all of one moment, while servers go on reading and writing.

    FILE is readable by its owner only; secrets in it are sealed under the master key, which is not in it: keep that in
    another place, and lose neither. Put it back with `ostiary restore FILE`, never by copying it over the store.

    \b
    PostgreSQL makes its own backups
      pg_dump --format=custom --file=ostiary.dump "$OSTIARY_DATABASE"
    and `ostiary restore --help` says what to do after pg_restore.
    """
    schema.check(settings.database_url)
    with closing(Store(settings.database_url)) as store:
        if not store.is_sqlite:
            raise ConfigurationError("this store is a PostgreSQL: back it up with pg_dump (see ostiary backup --help)")
        with store.read() as work:
            check_installed(work)
        if file.exists():
            raise click.ClickException(f"{file} exists already; a backup never overwrites one")
        copy_sqlite(store.file, file, SystemClock().now_ms())
    if as_json:
        print_json({"file": str(file), "bytes": file.stat().st_size})
    else:
        click.echo(f"The store is copied to {file}. The master key is not in it: keep that too.")
