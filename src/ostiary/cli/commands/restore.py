"""`ostiary restore`: returns to a backup, without restoring what was revoked since."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import click
from sqlalchemy.exc import SQLAlchemyError

from ostiary.audit.event import Event, record
from ostiary.cli.options import STORE, as_json, with_settings
from ostiary.cli.printing import print_json
from ostiary.clock import SystemClock, rfc3339
from ostiary.config import Settings
from ostiary.database_url import normal
from ostiary.errors import DomainError, Kind
from ostiary.ids import SystemEntropy
from ostiary.keys.master_key import check_master_key, master_key, older_master_keys
from ostiary.keys.sealing import Sealing
from ostiary.restoring.revocations import carry_over, end_what_is_temporary, revoke_keys
from ostiary.restoring.settings import carry_over_settings
from ostiary.store import schema
from ostiary.store.copies import copy_sqlite, declare_original
from ostiary.store.engine import Store, file_of, is_sqlite, writers_turn
from ostiary.store.tenancy import SYSTEM_ID

SINCE = ("carry-over", "revoke-api-keys", "keep-api-keys", "moved")


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--replaced", metavar="URL", help="The database as it was before, to carry over what was revoked there.")
@click.option("--since", type=click.Choice(SINCE), default="carry-over", show_default=True,
              help="What to do about what was revoked since the backup.")  # fmt: skip
@with_settings(*STORE)
@as_json
def command(settings: Settings, file: Path | None, replaced: str | None, since: str, as_json: bool) -> None:
    """Goes back to the backup FILE (SQLite, servers stopped), or settles a store that was put back by other means
    (PostgreSQL after pg_restore: without FILE). Until then no server starts on it.

    All sessions, refresh tokens, API tokens of people and access tokens end: people sign in again. API keys and SCIM
    tokens that were revoked, secrets and passwords that were changed, users, applications and tenants that were
    disabled or deleted, and roles that were taken away since the backup are compared with the database that it
    replaces, and stay so. Redirect URIs that were removed stay removed; identity providers, extensions, dispatchers and
    pages for links that differ are off until somebody looks. The replaced database is kept beside the new one.

    \b
    When that database is lost, or was damaged by what you want to undo, say how much to trust the backup
      --since revoke-api-keys   no API key and no SCIM token works; make new ones with `ostiary apikey create`
      --since keep-api-keys     all of the backup work again, also those that were revoked since
      --since moved             nothing happened since: the store only moved; nothing is ended
    \b
    Examples
      ostiary restore ostiary-2026-05-01.backup
      createdb ostiary_new && pg_restore --dbname=ostiary_new ostiary.dump
      ostiary restore --database postgresql:///ostiary_new --replaced postgresql:///ostiary
    """
    url = settings.database_url
    replaced = _url(replaced) if replaced else None
    sealing = Sealing(SystemEntropy(), master_key(settings), *older_master_keys(settings))
    with ExitStack() as stack:
        if file is not None:
            target = stack.enter_context(_replacing(url, file))
            replaced = replaced or url
        else:
            target = url
        changed = _settle(target, replaced if since == "carry-over" else None, since, sealing)
    _say(since, changed, as_json)


def _url(given: str) -> str:
    try:
        return normal(given)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--replaced") from None


def _settle(target: str, replaced: str | None, since: str, sealing: Sealing) -> dict[str, int]:
    if since == "carry-over" and replaced is None:
        raise click.UsageError("name the database that this one replaces (--replaced), or say --since")
    schema.upgrade(target)
    clock, entropy = SystemClock(), SystemEntropy()
    with ExitStack() as stack:
        restored = stack.enter_context(closing(Store(target)))
        work = stack.enter_context(restored.write())
        check_master_key(work, sealing)
        changed: dict[str, int] = {}
        if replaced is not None:
            before = stack.enter_context(_replaced(replaced))
            theirs = stack.enter_context(before.read())
            changed = carry_over(work, theirs, entropy, clock.now_ms())
            settings = carry_over_settings(work, theirs, clock.now_ms())
            changed |= {"settings": settings} if settings else {}
        elif since == "revoke-api-keys":
            changed = revoke_keys(work, clock.now_ms())
        if since == "moved":
            declare_original(work)
        else:
            end_what_is_temporary(work, clock.now_ms())
        event = Event(SYSTEM_ID, "ostiary.restore", initiator_kind="command_line", initiator_id=str(os.getuid()))
        record(work, clock.now_ms(), event)
        return changed


@contextmanager
def _replaced(url: str) -> Iterator[Store]:
    """The store as it was before, if it can be read."""
    try:
        schema.check(url)
        with closing(Store(url)) as store:
            yield store
    except (schema.SchemaError, SQLAlchemyError, DomainError) as error:
        if isinstance(error, DomainError) and error.kind is not Kind.UNAVAILABLE:
            raise
        raise click.ClickException(
            "the database to be replaced cannot be read, so nobody knows what was revoked since the backup: "
            f"say --since revoke-api-keys or --since keep-api-keys ({error})"
        ) from error


@contextmanager
def _replacing(url: str, file: Path) -> Iterator[str]:
    """The URL of a copy of `file` that takes the store's place when all went well; the old one stays beside it."""
    if not is_sqlite(url):
        raise click.UsageError("FILE is for SQLite; on PostgreSQL run pg_restore first, then restore without FILE")
    store = file_of(url)
    store.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = store.with_name(f"{store.name}.restoring")
    now_ms = SystemClock().now_ms()
    with writers_turn(url), _cleared(part):
        _take_in_journal(store)
        copy_sqlite(file, part, now_ms)
        yield f"sqlite:///{part}"
        _take_in_journal(part)
        if _take_in_journal(store):
            store.rename(store.with_name(f"{store.name}.replaced-{rfc3339(now_ms)}"))
        part.rename(store)


@contextmanager
def _cleared(part: Path) -> Iterator[None]:
    """Removes an unfinished copy with its journal and locks, before and after."""
    try:
        _remove_all(part)
        yield
    finally:
        _remove_all(part)


def _remove_all(part: Path) -> None:
    for path in part.parent.glob(f"{part.name}*"):
        path.unlink()


def _take_in_journal(path: Path) -> bool:
    """Takes the write-ahead log into the database itself, which SQLite refuses while another process has it open;
    whether there is a database."""
    if not path.exists():
        return False
    try:
        with closing(sqlite3.connect(path, timeout=1)) as connection:
            connection.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.OperationalError as error:
        raise click.ClickException(f"{path} is in use: stop every server first") from error
    except sqlite3.DatabaseError:
        pass  # damaged: nothing can be taken from it, and the next code that reads it says so
    return True


def _say(since: str, changed: dict[str, int], as_json: bool) -> None:
    if as_json:
        print_json({"since": since, "ended": since != "moved", "carriedOver": changed})
        return
    click.echo(f"Restored. {_SAID[since]}")
    for table, count in sorted(changed.items()):
        click.echo(f"  {count} of {table} {_COUNTED[since]}")


_ENDED = "Start the servers; people sign in again, applications get new tokens."
_SAID = {
    "carry-over": _ENDED,
    "revoke-api-keys": f"{_ENDED} No API key works: make new ones with `ostiary apikey create`. No SCIM token does.",
    "keep-api-keys": f"{_ENDED} All API keys and SCIM tokens of the backup work, also those that were revoked since.",
    "moved": "Start the servers. Nothing was ended: sessions, tokens and API keys are as they were.",
}
_COUNTED = {
    "carry-over": "were revoked, changed or taken away since and stay so",
    "revoke-api-keys": "were revoked now",
}
