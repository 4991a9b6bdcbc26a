"""Applications of the account: what has access in the name of the person, and the end of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from ostiary.account.moments import Moment, moment
from ostiary.account.parts import Change
from ostiary.account.visits import AccountVisit
from ostiary.audit.runtime_events import tokens_revoked
from ostiary.audit.sink import EventSink
from ostiary.directory.profiles.profiles import CLOUD_DIRECTORY as PROVIDER
from ostiary.directory.profiles.profiles import profile_of
from ostiary.errors import not_found
from ostiary.ids import digest
from ostiary.oauth.clients.clients import find_client
from ostiary.oauth.sessions.applications import list_applications, revoke_application
from ostiary.oauth.sessions.refresh import ROTATING
from ostiary.pages.texts import marked
from ostiary.store.work import Work


@dataclass(frozen=True, slots=True)
class ShownApplication:
    """An application as the page shows it; `is_token` where it is an API token of the person."""

    id: str
    name: str
    is_token: bool
    since: Moment
    used: Moment


def applications_of(visit: AccountVisit) -> Sequence[ShownApplication]:
    """The applications with access, the one that was used last first."""
    work, tenant = visit.call.work, visit.tenant

    def name_of(row: Row[Any]) -> str:
        client = find_client(work, tenant, row.client_id)
        return str(row.name or (client.name if client else row.client_id))

    return [
        ShownApplication(_id(row), name_of(row), row.kind != ROTATING, moment(row.since), moment(row.used_at))
        for row in list_applications(work, tenant.id, visit.user.id, visit.now_ms)
    ]


@dataclass(frozen=True, slots=True)
class RevokeApplication(Change):
    """Ends the access of one application."""

    events: EventSink
    name = "revoke_application"
    done = marked("The application has no access any more.")

    def make(self, work: Work, visit: AccountVisit, prepared: object) -> None:
        """Ends the access of the application in the form. Raises NO_SUCH_APPLICATION."""
        tenant = visit.tenant
        if not _revoked(work, visit):
            raise not_found("NO_SUCH_APPLICATION", "There is no such application, or not any more.")
        profile_id = profile_of(work, tenant.id, PROVIDER, visit.user.id) or ""
        self.events.emit(work, tokens_revoked(tenant.id, profile_id, visit.call.request_id), tenant)


def _revoked(work: Work, visit: AccountVisit) -> bool:
    tenant_id, user_id, now = visit.tenant.id, visit.user.id, visit.now_ms
    rows = list_applications(work, tenant_id, user_id, now)
    named = next((row for row in rows if _id(row) == visit.form.get("id")), None)
    return named is not None and revoke_application(
        work, tenant_id, user_id, named.client_id, named.kind, named.name, now
    )


def _id(row: Row[Any]) -> str:
    """The name of an application in a form."""
    return digest(f"{row.kind} {row.client_id} {row.name}")[:32]
