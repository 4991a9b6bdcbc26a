"""Account: shows its pages, makes its changes, and has people sign in before.

Every change needs a form of a page that this browser got, and a sign-in of a short time ago. Who has none is sent
through the sign-in and comes back to the page with the form.
"""

from __future__ import annotations

from collections.abc import Sequence

from google.api import httpbody_pb2

from ostiary.account.entry import page_url
from ostiary.account.events import account_changed
from ostiary.account.parts import OVERVIEW, AccountPage, Change
from ostiary.account.visits import RECENT_S, AccountVisit, find_visit
from ostiary.audit.sink import EventSink
from ostiary.clock import Clock
from ostiary.errors import DomainError, Kind, denied, not_found
from ostiary.http.forms import Form
from ostiary.keys.issuers import Issuers
from ostiary.login.answers import sent_on, shown
from ostiary.login.sign_in import SignIn
from ostiary.pages.texts import marked
from ostiary.store.engine import Store
from ostiary.transport.call import Call

AGAIN = "again"
_AGAIN = marked("You have signed in again. Now repeat what you wanted to do.")
_SHOWN_AGAIN = frozenset(
    {Kind.INVALID, Kind.UNAUTHENTICATED, Kind.DENIED, Kind.NOT_FOUND, Kind.CONFLICT, Kind.GONE, Kind.LIMITED}
)
"""Refusals that the person at the page can do something about."""


class Account:
    """The account pages of a server."""

    def __init__(
        self, store: Store, issuers: Issuers, clock: Clock, events: EventSink, sign_in: SignIn,
        pages: Sequence[AccountPage], changes: Sequence[Change],
    ) -> None:  # fmt: skip
        self._store = store
        self._events = events
        self._issuers = issuers
        self._clock = clock
        self._secure = issuers.public_url.startswith("https:")
        self._sign_in = sign_in
        self._pages = {page.name: page for page in pages}
        self._changes = {change.name: change for change in changes}

    def show(self, call: Call, name: str, done: str = "", *, recent: bool = False) -> httpbody_pb2.HttpBody:
        """A page; the account for a name that is not known. The sign-in first, for whoever is not signed in, and for a
        form, or where it must be `recent`, who is so for too long."""
        page = self._pages.get(name) or self._pages[OVERVIEW]
        visit = self._visit(call)
        if visit is None:
            return self._asked(call, page.name, "")
        if not visit.is_recent and (page.is_form or recent):
            return self._asked(call, page.name, visit.user.email or visit.user.user_name)
        return shown(call, page.show(visit, note=visit.look.texts(self._note(done))))

    def change(self, call: Call, name: str, form: Form) -> httpbody_pb2.HttpBody:
        """Makes a change; shows the account then, or the page again with what was wrong."""
        change, visit = self._changes.get(name), self._visit(call)
        if visit is None:
            return self._sent(call, change.page if change else OVERVIEW, {})
        visit.form = form
        if change is not None and visit.is_from_its_page and not (visit.is_recent or change.always):
            return self._sent(call, change.page, {} if change.page else {"recent": "1", "done": AGAIN})
        try:
            return self._made(visit, change)
        except DomainError as error:
            return self._refused(visit, change, error)

    def sign_in(self, call: Call, form: Form) -> httpbody_pb2.HttpBody:
        """Takes the form of a step of the sign-in."""
        return self._sign_in.submit(call, form)

    def _made(self, visit: AccountVisit, change: Change | None) -> httpbody_pb2.HttpBody:
        if change is None:
            raise not_found("NO_SUCH_CHANGE", "No change of an account has this name.")
        if not visit.is_from_its_page:
            raise denied("ACCOUNT_FORM_OLD", "The form is not from a page of this browser, or of an earlier sign-in.")
        call, prepared = visit.call, change.prepare(visit)
        call.release()
        with self._store.write() as work:
            made = change.make(work, visit, prepared)
            event = account_changed(call.tenant_id, visit.user.id, change.name, call.request_id)
            self._events.emit(work, event)
        page = change.answer(visit, made)
        if page is not None:
            return shown(call, page)
        return self._sent(visit.call, OVERVIEW, {"done": change.name})

    def _refused(self, visit: AccountVisit, change: Change | None, error: DomainError) -> httpbody_pb2.HttpBody:
        if error.kind not in _SHOWN_AGAIN:
            raise error
        visit.call.release()
        page = self._pages[change.page if change else OVERVIEW]
        return shown(visit.call, page.show(visit, error), error)

    def _visit(self, call: Call) -> AccountVisit | None:
        return find_visit(call, self._issuers.account(call.tenant_id), self._clock, secure=self._secure)

    def _asked(self, call: Call, page: str, login: str) -> httpbody_pb2.HttpBody:
        """Has the person sign in, who comes back to the page."""
        known = {"login_hint": login, "max_age": str(RECENT_S)} if login else {}
        return self._sign_in.begin(call, {"page": page, **known})

    def _sent(self, call: Call, page: str, parameters: dict[str, str]) -> httpbody_pb2.HttpBody:
        return sent_on(call, page_url(self._issuers, call.tenant_id, page), parameters)

    def _note(self, done: str) -> str:
        return _AGAIN if done == AGAIN else self._changes[done].done if done in self._changes else ""
