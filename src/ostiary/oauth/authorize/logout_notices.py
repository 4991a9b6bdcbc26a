"""Notices of sign-outs: who is to be told that a session has ended, and what they are told.

An application that wants to know is noted with each session that has signed somebody in to it. A session may end in
many ways, by a sign-out, a new password, the deletion of its user: so those that have ended are looked for, and the
outbox gets a message for each application.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import Row, bindparam, delete, select

from ostiary.clock import Clock
from ostiary.delivery.channels.back_channel import logout_message
from ostiary.delivery.outbox import PATIENCE_S, Outbox
from ostiary.keys.issuers import Issuers
from ostiary.oauth.clients.clients import find_client
from ostiary.oauth.sessions.refresh import APPID
from ostiary.store.engine import Store
from ostiary.store.prepared import prepared
from ostiary.store.tables import Session, SessionClient, table_of, unindexed
from ostiary.store.tenancy import Tenancy
from ostiary.store.work import Work

BATCH = 100
"""Notices of one turn."""
_SESSIONS, _TOLD = table_of(Session), table_of(SessionClient)
_ENDED = (
    select(_TOLD)
    .join(_SESSIONS, _SESSIONS.c.id == _TOLD.c.session_id)
    .where(_SESSIONS.c.ended_at > bindparam("since_ms"))
    .limit(BATCH)
)
_OF_SESSION = prepared(
    select(_TOLD).where(
        _TOLD.c.session_id == bindparam("its_id"), unindexed(_TOLD.c.tenant_id) == bindparam("of_tenant")
    )
)
_TAKEN = delete(_TOLD).where(
    _TOLD.c.session_id == bindparam("its_id"), _TOLD.c.client_id == bindparam("of_client"),
    _TOLD.c.audience == bindparam("at_audience"),
)  # fmt: skip


def note_client(
    work: Work, tenant_id: str, session_id: str, client_id: str, audience: str, subject: str
) -> None:  # fmt: skip
    """Notes that an application is told of the end of a session."""
    row = {
        "session_id": session_id, "tenant_id": tenant_id, "client_id": client_id, "audience": audience,
        "subject": subject,
    }  # fmt: skip
    work.run(work.insert(_TOLD).values(row).on_conflict_do_nothing())


def issuer_of(issuers: Issuers, tenant_id: str, audience: str) -> str:
    """The issuer of the tokens that an application got."""
    return issuers.tenant(tenant_id) if audience == APPID else issuers.oidc


@dataclass(frozen=True, slots=True)
class LogoutNotices:
    """Tells applications of sign-outs."""

    store: Store
    clock: Clock
    tenancy: Tenancy
    issuers: Issuers
    outbox: Outbox

    def turn(self) -> int:
        """Gives messages for the sessions that have ended to the outbox; how many. Safe in any number of processes."""
        since = {"since_ms": self.clock.now_ms() - PATIENCE_S * 1000}
        with self.store.read() as work:
            found = work.rows(_ENDED, since)
        if not found:
            return 0
        with self.store.write() as work:
            for row in found:
                self._tell(work, row)
        return len(found)

    def in_frames(self, work: Work, tenant_id: str, session_id: str) -> Sequence[str]:
        """The addresses that a browser opens in frames when the session ends (Front-Channel Logout 1.0 §3)."""
        rows = work.rows(_OF_SESSION, {"of_tenant": tenant_id, "its_id": session_id})
        tenant = self.tenancy.find(work, tenant_id) if rows else None
        found = []
        for row in rows:
            client = find_client(work, tenant, row.client_id) if tenant else None
            if client is not None and client.enabled and client.own.frontchannel_logout_uri:
                said = urlencode({"iss": issuer_of(self.issuers, tenant_id, row.audience), "sid": session_id})
                uri = client.own.frontchannel_logout_uri
                found.append(f"{uri}{'&' if '?' in uri else '?'}{said}")
        return found

    def _tell(self, work: Work, row: Row[Any]) -> None:
        of_row = {"its_id": row.session_id, "of_client": row.client_id, "at_audience": row.audience}
        tenant = self.tenancy.find(work, row.tenant_id)
        client = find_client(work, tenant, row.client_id) if tenant else None
        if not work.run(_TAKEN, of_row) or client is None or not client.own.backchannel_logout_uri:
            return
        message = logout_message(
            client.own.backchannel_logout_uri, audience=row.audience, client_id=row.client_id, subject=row.subject,
            session_id=row.session_id,
        )  # fmt: skip
        self.outbox.add(work, row.tenant_id, message, self.clock.now_ms())
