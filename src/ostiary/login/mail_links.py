"""Links in mails: opening one shows a page; only the form on it uses the code, since mail scanners open every link."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from google.api import httpbody_pb2

from ostiary.clock import Clock
from ostiary.delivery.action_urls import ON_RESET_PASSWORD, ON_USER_VERIFIED, action_url
from ostiary.delivery.outbox import message_language
from ostiary.delivery.texts.templates import RESET_PASSWORD, USER_VERIFICATION
from ostiary.directory.users.users import get_user
from ostiary.errors import DomainError, Kind, not_found
from ostiary.http.forms import Form
from ostiary.ids import Entropy
from ostiary.login.answers import sent_on, shown
from ostiary.login.flow import Done, Steps
from ostiary.login.link_visits import LinkStep, LinkVisit, OpenedLink
from ostiary.login.pages import link_page
from ostiary.pages.rendering import HostedPage
from ostiary.self_service.mail_actions import SelfService
from ostiary.self_service.one_time_codes import EXPIRED, find_code, link_failed, new_result
from ostiary.store.work import Work
from ostiary.transport.call import Call

_ACTIONS = {USER_VERIFICATION: ON_USER_VERIFIED, RESET_PASSWORD: ON_RESET_PASSWORD}
_SHOWN_AGAIN = frozenset({Kind.INVALID, Kind.LIMITED})
"""Refusals of a step that the person at the form can do something about."""


class MailLinks:
    """Dispatcher of the pages behind `/wfm/verify/{code}`: a flow without an application, which ends with a last page,
    or with the tenant's own."""

    def __init__(
        self, clock: Clock, entropy: Entropy, public_url: str, self_service: SelfService, steps: Sequence[LinkStep]
    ) -> None:  # fmt: skip
        self._clock = clock
        self._entropy = entropy
        self._public_url = public_url
        self._self_service = self_service
        self._steps = Steps(steps)
        self.fields = self._steps.fields
        """The fields of the forms of all steps."""

    def show(self, call: Call, code: str, language: str) -> httpbody_pb2.HttpBody:
        """The page of a link. Changes nothing."""
        visit = self._visit(call, code, language, Form({}))
        return shown(call, self._current(visit).show(visit))

    def follow(self, call: Call, code: str, language: str, form: Form) -> httpbody_pb2.HttpBody:
        """The form of that page: uses the code up."""
        visit = self._visit(call, code, language, form)
        step = self._current(visit)
        try:
            done = step.submit(visit)
            return shown(call, done) if isinstance(done, HostedPage) else self._finish(visit, step, done)
        except DomainError as error:
            if error.kind not in _SHOWN_AGAIN:
                raise
            return shown(call, step.show(visit, error), error)

    def _finish(self, visit: LinkVisit, step: LinkStep, done: Done) -> httpbody_pb2.HttpBody:
        """Ends the flow: what the step writes, and, for a page of the tenant's own, a `context` with which it asks how
        the link ended."""
        call, opened, context = visit.call, visit.transaction, ""
        with call.transaction() as work:
            done.change(work)
            if opened.action_url:
                context = new_result(work, opened.link, self._entropy, self._clock.now_ms())
        if opened.action_url:
            return sent_on(call, opened.action_url, {"context": context, "language": visit.language})
        return shown(call, link_page(step.closing, visit.look))

    def _visit(self, call: Call, code: str, language: str, form: Form) -> LinkVisit:
        language = message_language(language)
        return LinkVisit(call, self._opened(call, call.work, code), code, language, self._public_url, form)

    def _current(self, visit: LinkVisit) -> LinkStep:
        opened = visit.transaction
        step = self._steps.current(visit.call.work, opened.tenant, opened)
        if step is None:
            raise _unknown()
        return step

    def _opened(self, call: Call, work: Work, code: str) -> OpenedLink:
        """Raises LINK_NOT_FOUND, LINK_EXPIRED, LINK_USED, and what keeps the user from a new password."""
        link = find_code(work, code, self._clock.now_ms())
        tenant = call.tenancy.find(work, link.tenant_id) if link else None
        if link is None or link.kind not in _ACTIONS or tenant is None or not tenant.enabled:
            raise _unknown()
        url, user = action_url(work, tenant, _ACTIONS[link.kind]), get_user(work, tenant.id, link.user_id)
        if not link.failure and not user.has_address(link.address_key):
            link = replace(link, failure=EXPIRED)
        if link.failure and not url:
            raise link_failed(link.failure)
        if not link.failure and link.kind == RESET_PASSWORD:
            if not url:  # a tenant's own page is the tenant's own affair, like what its applications do
                self._self_service.check_page(work, tenant)
            self._self_service.check_reset(work, tenant, user)
        return OpenedLink(link, tenant, user, url)


def _unknown() -> DomainError:
    return not_found("LINK_NOT_FOUND", "This link is not valid. Is it whole? Links in old mails have expired.")
