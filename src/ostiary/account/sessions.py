"""Sessions of the account: where the person is signed in, and the end of that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ostiary.account.moments import Moment, moment
from ostiary.account.parts import Change
from ostiary.account.visits import AccountVisit
from ostiary.audit.runtime_events import user_signed_out
from ostiary.audit.sink import EventSink
from ostiary.errors import not_found
from ostiary.oauth.sessions.browser import BROWSER
from ostiary.oauth.sessions.sessions import end_other_sessions, end_session_of_user, list_sessions
from ostiary.pages.texts import marked
from ostiary.store.work import Work

_PROGRAM, _A_BROWSER = marked("A program"), marked("A browser")


@dataclass(frozen=True, slots=True)
class ShownSession:
    """A session as the page shows it. `place` is the browser, `address` the client's, `is_here` whether it is this
    browser's."""

    id: str
    place: str
    address: str
    since: Moment
    used: Moment
    is_here: bool


def sessions_of(visit: AccountVisit) -> Sequence[ShownSession]:
    """The sessions of the person: this one first, then the one that was used last."""
    texts = visit.look.texts
    found = [
        ShownSession(
            row.id, row.agent or texts(_A_BROWSER if row.kind == BROWSER else _PROGRAM), row.address,
            moment(row.auth_time), moment(row.last_seen_at), row.id == visit.session.id,
        )
        for row in list_sessions(visit.call.work, visit.tenant.id, visit.user.id, visit.now_ms)
    ]  # fmt: skip
    return sorted(found, key=lambda session: not session.is_here)


@dataclass(frozen=True, slots=True)
class EndSession(Change):
    """Ends one session."""

    events: EventSink
    name = "end_session"
    done = marked("The session has ended.")

    def make(self, work: Work, visit: AccountVisit, prepared: object) -> None:
        """Ends the session of the form. Raises NO_SUCH_SESSION, also for one of somebody else."""
        id, tenant = visit.form.get("id"), visit.tenant
        if not end_session_of_user(work, tenant.id, visit.user.id, id, visit.now_ms):
            raise not_found("NO_SUCH_SESSION", "There is no such session, or not any more.")
        self.events.emit(work, user_signed_out(tenant.id, visit.user.id, visit.call.request_id), tenant)


@dataclass(frozen=True, slots=True)
class EndOtherSessions(Change):
    """Ends all sessions but that of this browser."""

    events: EventSink
    name = "end_other_sessions"
    done = marked("All other sessions have ended.")

    def make(self, work: Work, visit: AccountVisit, prepared: object) -> None:
        """Ends them; there may be none."""
        tenant = visit.tenant
        if end_other_sessions(work, tenant.id, visit.user.id, visit.session.id, visit.now_ms):
            self.events.emit(work, user_signed_out(tenant.id, visit.user.id, visit.call.request_id), tenant)
