"""The audit ledger as tests look at it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kit.servers.installation import Installation
from sqlalchemy import Row, select

from ostiary.store.tables import AuditEvent, table_of

_EVENTS = table_of(AuditEvent)


def audited(made: Installation, tenant_id: str = "") -> Sequence[Row[Any]]:
    """Every record, of a tenant or of all, oldest first; those that come a moment later too."""
    made.runtime.group_commit.flush()
    wanted = select(_EVENTS).order_by(_EVENTS.c.id)
    with made.runtime.store.read() as work:
        return work.rows(wanted.where(_EVENTS.c.tenant_id == tenant_id) if tenant_id else wanted)


def changes(made: Installation, tenant_id: str = "") -> list[tuple[str, str]]:
    """Action and target of what succeeded in App ID and was more than a look."""
    return [
        (row.action, row.target_id)
        for row in audited(made, tenant_id)
        if row.action.startswith("appid.") and row.outcome == "success" and not _is_look(row.action)
    ]


def _is_look(action: str) -> bool:
    return action.endswith((".read", ".get")) and not action.endswith(
        "-result.read"
    )  # results are read once: that is a change
