"""`ostiary audit`: the audit ledger for auditors."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from ostiary.audit.trail import event_document, events, followed
from ostiary.cli.operating import operating
from ostiary.cli.options import STORE, with_settings
from ostiary.config import Settings
from ostiary.directory.tenants.tenants import get_tenant
from ostiary.errors import DomainError

if TYPE_CHECKING:  # see ostiary.cli.operating
    from ostiary.runtime import Runtime

_UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


@click.group("audit")
def command() -> None:
    """The audit ledger: who did what to what in which tenant, and how it ended; ids only."""


@command.command()
@click.option("--tenant", default="", metavar="TENANT", help="Only this tenant's, by id or name; deleted ones by id.")
@click.option("--since", default="", metavar="WHEN", help="From here on.  [default: all that is kept]")
@click.option("--until", default="", metavar="WHEN", help="To before this.  [default: now]")
@click.option("--follow", is_flag=True, help="Go on with what comes, some seconds late, until interrupted.")
@with_settings(*STORE)
def export(settings: Settings, tenant: str, since: str, until: str, follow: bool) -> None:
    """Writes audit records as JSON lines, oldest first.

    WHEN is a date or a time in ISO 8601 (UTC unless it says otherwise), or how long ago: 90s, 15m, 24h, 7d. Records of
    the last seconds may still be on their way to the ledger; --follow waits for them.

    \b
    Examples
      ostiary audit export --since 24h | jq 'select(.outcome == "failure")'
      ostiary audit export --tenant acme --since 2026-01-01 --until 2026-02-01 | gzip > january.jsonl.gz
      ostiary audit export --follow >> /var/log/ostiary-audit.jsonl
    """
    if follow and until:
        raise click.UsageError("--follow has no end: leave out --until")
    with operating(settings) as runtime:
        now_ms = runtime.clock.now_ms()
        begin, end = _moment(since, now_ms, 0), _moment(until, now_ms, now_ms + 1)
        tenant_id = _tenant_id(runtime, tenant) if tenant else ""
        found = (
            followed(runtime.store, runtime.clock, begin, tenant_id)
            if follow
            else events(runtime.store, begin, end, tenant_id)
        )
        for event in found:
            click.echo(json.dumps(event_document(event), ensure_ascii=False))


def _tenant_id(runtime: Runtime, named: str) -> str:
    """Returns the tenant's id; an id of a deleted tenant is returned as it is, since records outlast tenants."""
    try:
        with runtime.store.read() as work:
            return get_tenant(work, named).id
    except DomainError:
        if re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", named):
            return named
        raise


def _moment(text: str, now_ms: int, default: int) -> int:
    """UTC milliseconds."""
    if not text:
        return default
    if ago := re.fullmatch(r"(\d{1,6})([smhd])", text):
        return now_ms - int(ago[1]) * _UNITS[ago[2]]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.UsageError(f"{text!r} is no time: write 2026-01-31, 2026-01-31T08:00:00Z or 24h") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
