"""Sign-in with a browser: the authorization request begins a transaction, steps prove who it is, `Finish` ends it.

    authorization request ──▶ begin ──▶ ┌────────────┐ ◀── a form, with the browser's half of the transaction
                                        │ dispatcher │
              a page ◀── step.show ◀──  │            │  ──▶ step.submit ──▶ done
                                        └────────────┘
                        no step is left       │       in one transaction of the store: what the step writes, and
                        and no need unmet     ▼       the next version of the sign-in, or its end with the code
                                      303 to the client

Each step either shows a page or lets the sign-in go on; the browser is sent back to the client by 303, so that form
data are never sent there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from google.api import httpbody_pb2

from ostiary.clock import Clock
from ostiary.errors import DomainError, Kind, denied
from ostiary.http.forms import Form
from ostiary.ids import Entropy, new_secret
from ostiary.login.answers import sent_on, shown
from ostiary.login.flow import GO, STEP, Done, SentAway, Steps
from ostiary.login.needs import SECOND_FACTOR, needs_of
from ostiary.login.pages import form_post_page, web_message_page
from ostiary.login.returning import browser_back
from ostiary.login.visits import SignInSite, SignInStep, SignInVisit, browser_half
from ostiary.oauth.authorize.codes import Finished
from ostiary.oauth.authorize.request import (
    FORM_POST,
    PAGE,
    WEB_MESSAGE,
    AuthorizationFailed,
    AuthorizationRequest,
    ReturnAddress,
)
from ostiary.oauth.authorize.state import Identified, SignInTransaction, StepDone
from ostiary.oauth.authorize.transactions import BrowserHalf, SignInOver, SignInTransactions
from ostiary.oauth.sessions.places import Place, place_of
from ostiary.pages.appearance import look_of
from ostiary.pages.rendering import HostedPage
from ostiary.store.engine import Store
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work
from ostiary.transport.call import Call

_SHOWN_AGAIN = frozenset({Kind.INVALID, Kind.UNAUTHENTICATED, Kind.DENIED, Kind.CONFLICT, Kind.LIMITED})
"""Refusals of a step that the person at the form can do something about."""
_CLOSED = {SECOND_FACTOR: "A second factor is required, and this person has none that could be asked for."}
_NO_STEP = "There is no way to sign in here as the application asks for it."


class Requests(Protocol):
    """Reads the authorization requests of one authorization server."""

    def read(self, work: Work, tenant: TenantView, parameters: Mapping[str, str]) -> AuthorizationRequest:
        """The request; raises DomainError for the browser and AuthorizationFailed for the client."""
        ...

    def go_on(self, work: Work, tenant: TenantView, request: AuthorizationRequest) -> bool:
        """Whether a sign-in that was begun may still end where it was to end."""
        ...


class Ending(Protocol):
    """What ends a sign-in."""

    def __call__(
        self, work: Work, tenant: TenantView, transaction: SignInTransaction, found: Identified, cookie: str,
        place: Place, request_id: str,
    ) -> Finished:  # fmt: skip
        """Ends the sign-in as `Finish` does."""
        ...


class SignIn:
    """Dispatcher of the sign-in at the hosted pages."""

    def __init__(
        self, store: Store, transactions: SignInTransactions, clock: Clock, entropy: Entropy, site: SignInSite,
        requests: Requests, finish: Ending, steps: Sequence[SignInStep],
    ) -> None:  # fmt: skip
        self._store = store
        self._clock = clock
        self._entropy = entropy
        self._site = site
        self._requests = requests
        self._finish = finish
        self._transactions = transactions
        self._steps = Steps(steps)
        self.fields = self._steps.fields
        """The fields of the forms of all steps."""

    def begin(
        self, call: Call, parameters: Mapping[str, str], purpose: str = "", about: str = ""
    ) -> httpbody_pb2.HttpBody:
        """The authorization endpoint: shows the first page, or tells the client what is wrong. `purpose` is one of the
        flows that an application begins elsewhere, and `about` says whom that is about."""
        try:
            request = self._requests.read(call.work, call.required_tenant, parameters)
            request = replace(request, purpose=purpose, about=about) if purpose else request
            return self._proceed(self._visit(call, self._transactions.begin(request)))
        except AuthorizationFailed as failure:
            return self._failed(call, failure)

    def submit(self, call: Call, form: Form) -> httpbody_pb2.HttpBody:
        """The form of a step: shows the page of the next one, or the same page with what was wrong, or sends the
        browser back with a code."""
        visit = self._resumed(call, form)
        try:
            step = self._current(call.work, visit, form.get(GO) or form.get(STEP))
            if step is None or not step.asks:
                return self._proceed(visit)
            try:
                shown_or_done = step.show(visit) if form.get(GO) else step.submit(visit)
            except DomainError as error:
                # A page that cannot be shown leaves the person where the sign-in was.
                on = self._current(call.work, visit) if form.get(GO) else None
                return self._refused(visit, on or step, error)
            return self._after(visit, step, shown_or_done)
        except AuthorizationFailed as failure:
            return self._failed(call, failure)

    def returned(self, call: Call, step_name: str, answer: Mapping[str, str]) -> httpbody_pb2.HttpBody:
        """The return from another server to the step that has sent the browser there; `answer` is what it brings along,
        with the `state` by which the sign-in is known. Where nothing was proved the page says why."""
        state = answer.get("state", "")
        visit = self._taken_up(call, browser_back(call, state))
        if not visit.is_back(step_name, state):
            raise SignInOver
        try:
            step = self._current(call.work, visit, step_name)
            if step is None or step.name != step_name:
                raise SignInOver
            begun = visit.transaction
            try:
                return self._after(visit, step, step.returned(visit, answer))
            except DomainError as error:
                visit.moved_to(begun)  # who was proved there may be nobody here
                return self._refused(visit, self._current(call.work, visit) or step, error)
        except AuthorizationFailed as failure:
            return self._failed(call, failure)

    def _visit(self, call: Call, transaction: SignInTransaction) -> SignInVisit:
        return SignInVisit(call, transaction, self._store, self._transactions, self._site)

    def _resumed(self, call: Call, form: Form) -> SignInVisit:
        browser = browser_half(call, form.get("transaction"))
        visit = self._taken_up(call, browser, form.get("csrf_token"))
        visit.form, visit.browser, visit.is_current = form, browser, True
        return visit

    def _taken_up(self, call: Call, browser: BrowserHalf, csrf_token: str | None = None) -> SignInVisit:
        """The transaction of a browser. Without a form it is the browser's cookie alone that brings it."""
        tenant, token = call.required_tenant, browser.csrf_token if csrf_token is None else csrf_token
        transaction = self._transactions.resume(call.work, tenant.id, browser, token)
        if not self._requests.go_on(call.work, tenant, transaction.request):
            raise SignInOver
        return self._visit(call, transaction)

    def _proceed(self, visit: SignInVisit) -> httpbody_pb2.HttpBody:
        """Shows the page of the step whose turn it is; steps that ask nothing are done meanwhile. Where no step is
        left, since the tenant has changed what it asks for, the sign-in ends."""
        step = self._current(visit.call.work, visit)
        if step is None:
            return self._advance(visit)
        return self._after(visit, step, step.show(visit))

    def _refused(self, visit: SignInVisit, step: SignInStep, error: DomainError) -> httpbody_pb2.HttpBody:
        if error.kind not in _SHOWN_AGAIN or isinstance(error, SignInOver):
            raise error
        page = step.show(visit, error)
        if not isinstance(page, HostedPage):
            raise error
        return shown(visit.call, page, error)

    def _current(self, work: Work, visit: SignInVisit, chosen: str = "") -> SignInStep | None:
        """The step whose turn it is; None when the sign-in may end. Raises AuthorizationFailed where somebody would
        have to be asked and must not be, and where a need is unmet that no step can meet."""
        transaction, tenant = visit.transaction, visit.call.required_tenant
        needs = needs_of(work, tenant, transaction)
        step = self._steps.current(work, tenant, transaction, chosen or transaction.request.purpose, needs)
        if step is not None and step.asks and transaction.request.must_be_silent:
            message = "Nobody is signed in, and prompt=none forbids to ask."
            raise AuthorizationFailed(transaction.request.address, "login_required", message)
        unmet = [need for need in needs if not transaction.has_met(need)]
        closed = [need for need in unmet if need not in self._steps.met] if step else unmet
        if closed:
            raise AuthorizationFailed(transaction.request.address, "access_denied", _CLOSED.get(closed[0], _NO_STEP))
        return step

    def _after(self, visit: SignInVisit, step: SignInStep, done: HostedPage | Done | SentAway) -> httpbody_pb2.HttpBody:
        """Shows the page of a step, sends the browser to another server, or lets the sign-in go on after the step."""
        if isinstance(done, HostedPage):
            return shown(visit.call, done)
        if isinstance(done, SentAway):
            return sent_on(visit.call, done.uri, {})
        met = step.meets if done.met else ""
        how = StepDone(step.name, met, done.method, done.at or self._clock.now_ms())
        if not met and not visit.transaction.version:  # nothing is proved: the browser keeps it
            visit.moved_to(visit.transaction.with_done(how, None))
            return self._proceed(visit)

        def change(work: Work) -> None:
            visit.moved_to(visit.transaction.with_done(how, done.change(work), done.earlier))

        return self._advance(visit, change)

    def _advance(self, visit: SignInVisit, change: Callable[[Work], None] | None = None) -> httpbody_pb2.HttpBody:
        """Changes a sign-in in one transaction: to its end where no step is left, else to its next version."""
        call = visit.call
        call.release()
        with self._store.write() as work:
            self._transactions.hold(work, call.tenant_id, visit.transaction)
            if change is not None:
                change(work)
            finished = self._end(work, visit) if self._current(work, visit) is None else None
            if finished is None:
                visit.moved_to(self._transactions.keep(work, call.tenant_id, visit.transaction))
        if finished is None:
            return self._proceed(visit)
        visit.clear()
        if finished.session_secret:
            visit.give_session(finished.session_secret)
        code = {"code": finished.code} if finished.code else {}
        return self._answered(call, visit.transaction.request.address, code)

    def _end(self, work: Work, visit: SignInVisit) -> Finished:
        found = visit.transaction.identified
        if found is None:  # a need of every sign-in, and met: a step that says so and finds nobody is our mistake
            raise LookupError(f"nobody was identified by {', '.join(done.step for done in visit.transaction.done)}")
        self._transactions.end(work, visit.call.tenant_id, visit.transaction)
        call = visit.call
        place = place_of(call.metadata.get("user-agent", ""), call.client_ip)
        tenant, cookie = call.required_tenant, visit.session_secret
        return self._finish(work, tenant, visit.transaction, found, cookie, place, call.request_id)

    def _failed(self, call: Call, failure: AuthorizationFailed) -> httpbody_pb2.HttpBody:
        if failure.address.response_mode == PAGE:
            raise denied("SIGN_IN_REFUSED", failure.description, oauth_error=failure.error)
        answer = {"error": failure.error, "error_description": failure.description}
        return self._answered(call, failure.address, answer)

    def _answered(self, call: Call, address: ReturnAddress, answer: dict[str, str]) -> httpbody_pb2.HttpBody:
        response = address.response(answer)
        if address.response_mode == WEB_MESSAGE:
            look = look_of(call.work, call.required_tenant, (), call.metadata.get("accept-language", ""))
            return shown(call, web_message_page(look, address, response, new_secret(self._entropy, 16)))
        if address.response_mode == FORM_POST:
            look = look_of(call.work, call.required_tenant, (), call.metadata.get("accept-language", ""))
            return shown(call, form_post_page(look, address, response, new_secret(self._entropy, 16)))
        return sent_on(call, address.redirect_uri, response)
