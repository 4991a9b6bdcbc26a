"""Parts that the operator's commands share: an opened installation, a tenant found by its name, an audit record."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ostiary.audit.event import Event
from ostiary.config import Settings
from ostiary.store.work import Work

if TYPE_CHECKING:  # importing it takes a second, which no help should wait for
    from ostiary.runtime import Runtime


@contextmanager
def operating(settings: Settings) -> Iterator[Runtime]:
    """The installation, opened for one command."""
    from ostiary.runtime import open_runtime

    runtime = open_runtime(settings)
    try:
        yield runtime
    finally:
        runtime.close()


def recorded(runtime: Runtime, work: Work, action: str, tenant_id: str, target_id: str = "") -> None:
    """Records in the audit what a command changed; its caller is known by the user id that the system gave it."""
    event = Event(
        tenant_id=tenant_id, action=f"ostiary.{action}", initiator_kind="command_line", initiator_id=str(os.getuid()),
        target_id=target_id or tenant_id,
    )  # fmt: skip
    runtime.events.emit(work, event)
