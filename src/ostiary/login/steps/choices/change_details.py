"""Change of what an account says of its owner, whom an application sends here with a one-time code."""

from __future__ import annotations

import json

from ostiary.audit.factor_events import factor_added
from ostiary.audit.sink import EventSink
from ostiary.clock import Clock
from ostiary.directory.factors.factors import SMS, NewFactor, add_factor
from ostiary.directory.profiles.linking import arrival_of
from ostiary.directory.profiles.profiles import CLOUD_DIRECTORY as PROVIDER
from ostiary.directory.signin.admission import signed_in_as
from ostiary.directory.users.changes import amend_user
from ostiary.directory.users.input import check_change
from ostiary.directory.users.users import get_user, lock_user
from ostiary.errors import DomainError, denied, not_found
from ostiary.ids import Entropy, digest
from ostiary.keys.sealing import Sealing
from ostiary.login.flow import Done
from ostiary.login.needs import CHOSEN_DETAILS
from ostiary.login.pages import form_page
from ostiary.login.second_factor.person import find_owner
from ostiary.login.steps.choices.details import DETAILS, details_of, typed_details, with_details
from ostiary.login.steps.choices.storing import StoreChoiceStep
from ostiary.login.steps.password import identified
from ostiary.login.visits import SignInStep, SignInVisit
from ostiary.oauth.authorize.request import CHANGE_DETAILS
from ostiary.oauth.authorize.state import Identified, SignInTransaction
from ostiary.oauth.claims.subjects import get_subject, subject_at_sign_in
from ostiary.pages.rendering import HostedPage
from ostiary.self_service.mail_actions import SelfService
from ostiary.self_service.one_time_codes import Code, end_codes, find_code, link_failed, new_code, use_up
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work
from ostiary.transport.call import Call

_LONGEST = 256

DETAILS_CODE = "CHANGE_DETAILS"
"""The kind of code that opens this page, for whoever has an access token."""

CODE_SECONDS = 600


class DetailsCode:
    """The one-time code that opens the page, for the user of an access token."""

    def __init__(self, clock: Clock, entropy: Entropy) -> None:
        self._clock = clock
        self._entropy = entropy

    def __call__(self, call: Call) -> str:
        """A new code; those before it are void. Raises NOT_OF_DIRECTORY for a user without a directory user."""
        tenant_id, now_ms = call.tenant_id, self._clock.now_ms()
        subject = get_subject(call.work, tenant_id, call.principal.id, now_ms)
        if not subject.user_id:
            raise denied("NOT_OF_DIRECTORY", "id token not generated with cloud directory idp")  # as SDKs compare it
        kind = _kind(call.principal.client_id)
        end_codes(call.work, tenant_id, subject.user_id, kind, now_ms)
        return new_code(
            call.work, tenant_id, subject.user_id, kind, self._entropy, now_ms, CODE_SECONDS
        )  # fmt: skip


class ChangeDetailsStep(SignInStep):
    """Asks for names and a telephone number. The code in the address says whose; sending the form uses it up.

    The details are stored when every factor is proved: the access token behind the code may have been got by a password
    alone.
    """

    name = CHANGE_DETAILS
    meets = CHOSEN_DETAILS
    fields = DETAILS

    def __init__(self, self_service: SelfService, clock: Clock, entropy: Entropy) -> None:
        self._self_service = self_service
        self._clock = clock
        self._entropy = entropy

    def applies(self, work: Work, tenant: TenantView, transaction: SignInTransaction) -> bool:
        """Applies wherever changed details are needed."""
        return True

    def show(self, visit: SignInVisit, problem: DomainError | None = None) -> HostedPage:
        """The form, with the details as they are. Raises SELF_SERVICE_DISABLED, LINK_NOT_FOUND, LINK_EXPIRED,
        LINK_USED."""
        user = get_user(visit.call.work, visit.call.tenant_id, self._code(visit).user_id)
        shown = {**details_of(user), **({name: visit.form.get(name)[:_LONGEST] for name in DETAILS} if problem else {})}
        return form_page(
            "change_details.html", visit.look, redirects=visit.may_redirect, problem=problem, action=visit.action,
            hidden=visit.hidden(self.name), details=shown,
        )  # fmt: skip

    def submit(self, visit: SignInVisit) -> Done:
        """Keeps the details, and uses the code up. Raises what `check_change` raises."""
        code, typed, tenant_id = self._code(visit), typed_details(visit.form), visit.call.tenant_id
        check_change(with_details(get_user(visit.call.work, tenant_id, code.user_id), typed))
        visit.remember({CHOSEN_DETAILS: json.dumps(typed)})
        return Done(PROVIDER, lambda work: self._identified(work, code))

    def _code(self, visit: SignInVisit) -> Code:
        call = visit.call
        self._self_service.check_page(call.work, call.required_tenant)
        kind = _kind(visit.transaction.request.client_id)
        found = find_code(call.work, visit.transaction.request.about, self._clock.now_ms())
        if found is None or (found.tenant_id, found.kind) != (call.tenant_id, kind):
            raise not_found("LINK_NOT_FOUND", "This link is not valid. Open the page from the application again.")
        if found.failure:
            raise link_failed(found.failure)
        return found

    def _identified(self, work: Work, code: Code) -> Identified:
        now_ms = self._clock.now_ms()
        lock_user(work, code.tenant_id, code.user_id)  # first, like whatever else changes a user: no deadlocks
        use_up(work, code, now_ms)
        user = get_user(work, code.tenant_id, code.user_id)
        if not user.active:
            raise link_failed("EXPIRED")
        arrival = arrival_of(signed_in_as(user, user.email))
        return identified(subject_at_sign_in(work, code.tenant_id, arrival, self._entropy, now_ms))


class StoreDetailsStep(StoreChoiceStep):
    """Stores the details."""

    name = "store_details"
    note = CHOSEN_DETAILS

    def __init__(self, clock: Clock, entropy: Entropy, sealing: Sealing, events: EventSink) -> None:
        super().__init__(clock)
        self._entropy = entropy
        self._events = events
        self._sealing = sealing

    def store(self, work: Work, visit: SignInVisit, user_id: str) -> None:
        """Stores them. Raises what `amend_user` raises."""
        tenant, typed = visit.call.required_tenant, json.loads(visit.transaction.notes[CHOSEN_DETAILS])
        self._keep_number(work, tenant, user_id, visit.call.request_id)
        amend_user(work, tenant.id, user_id, lambda known: with_details(known, typed), self.clock.now_ms())

    def _keep_number(self, work: Work, tenant: TenantView, user_id: str, request_id: str) -> None:
        """Codes of a second factor go on to the number of before, where an extension has spared the factor this
        time."""
        owner = find_owner(work, tenant, user_id)
        if owner is not None and owner.number and all(factor.kind != SMS for factor in owner.factors):
            kept, now_ms = NewFactor(SMS, target=owner.number), self.clock.now_ms()
            id = add_factor(work, self._sealing, tenant.id, user_id, kept, self._entropy, now_ms)
            self._events.emit(work, factor_added(tenant.id, user_id, id, SMS, request_id))


def _kind(client_id: str) -> str:
    """The kind of code of one application: the token of one must not lead to a code for another."""
    return f"{DETAILS_CODE} {digest(client_id)[:16]}"
