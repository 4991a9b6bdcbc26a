"""Links in mails: opening one shows a page; only the form on it uses the code, since mail scanners open every link."""

from __future__ import annotations

from dataclasses import dataclass

from google.api import httpbody_pb2

from ostiary.clock import Clock
from ostiary.delivery.action_urls import ON_RESET_PASSWORD, ON_USER_VERIFIED, action_url
from ostiary.delivery.outbox import check_language
from ostiary.delivery.texts.placeholders import code_link
from ostiary.delivery.texts.templates import RESET_PASSWORD, USER_VERIFICATION
from ostiary.directory.users.users import UserView, get_user
from ostiary.errors import DomainError, Kind, invalid, not_found
from ostiary.http.forms import Form
from ostiary.ids import Entropy
from ostiary.login.answers import sent_on, shown
from ostiary.login.pages import LinkPage, link_page
from ostiary.self_service.mail_actions import SelfService
from ostiary.self_service.one_time_codes import Code, find_code, link_failed, new_result, use_up
from ostiary.self_service.password_change import PasswordChange
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work
from ostiary.transport.call import Call

_ACTIONS = {USER_VERIFICATION: ON_USER_VERIFIED, RESET_PASSWORD: ON_RESET_PASSWORD}
_CONFIRM = LinkPage("Confirm your email address", "Is {email} your address?", "Confirm")
_CHOOSE = LinkPage("Choose a new password", "For the account {email}.", "Save", asks_for_password=True)
_GO_ON = LinkPage("Choose a new password", "For the account {email}.", "Continue")
_FAILED = LinkPage("This link cannot be used any more", "Go on to see what you can do.", "Continue")
_CONFIRMED = LinkPage("Thank you", "Your email address is confirmed. You can close this page and sign in.")
_CHANGED = LinkPage("Your password was changed", "You can close this page and sign in with the new password.")
_SHOWN_AGAIN = frozenset({Kind.INVALID, Kind.LIMITED})
"""Refusals of a new password that the person at the form can do something about."""


@dataclass(frozen=True, slots=True)
class OpenedLink:
    """A link that was opened: whose it is, and the tenant's own page for it, if there is one."""

    link: Code
    tenant: TenantView
    user: UserView
    action_url: str


class MailLinks:
    """The pages behind `/wfm/verify/{code}`."""

    def __init__(
        self, clock: Clock, entropy: Entropy, public_url: str, self_service: SelfService,
        password_change: PasswordChange,
    ) -> None:  # fmt: skip
        self._clock = clock
        self._entropy = entropy
        self._public_url = public_url
        self._self_service = self_service
        self._password_change = password_change

    def show(self, call: Call, code: str, language: str) -> httpbody_pb2.HttpBody:
        """The page of a link. Changes nothing."""
        language = check_language(language)
        return self._page(call, self._opened(call, call.work, code), code, language)

    def follow(self, call: Call, code: str, language: str, form: Form) -> httpbody_pb2.HttpBody:
        """The form of that page: uses the code up."""
        language = check_language(language)
        opened = self._opened(call, call.work, code)
        if opened.action_url:
            return self._hand_over(call, opened, language)
        if opened.link.kind == RESET_PASSWORD:
            return self._renew_password(call, opened, code, language, form)
        with call.transaction() as work:
            self._self_service.confirm_address(work, opened.tenant, opened.link, call.request_id)
        return shown(call, link_page(_CONFIRMED))

    def _hand_over(self, call: Call, opened: OpenedLink, language: str) -> httpbody_pb2.HttpBody:
        """Redirects to the tenant's own page, which asks by `context` how it ended; also for a link that is no longer
        valid."""
        link, now_ms = opened.link, self._clock.now_ms()
        with call.transaction() as work:
            if not link.failure and link.kind == RESET_PASSWORD:
                use_up(work, link, now_ms)
            elif not link.failure:
                self._self_service.confirm_address(work, opened.tenant, link, call.request_id)
            context = new_result(work, link, self._entropy, now_ms)
        return sent_on(call, opened.action_url, {"context": context, "language": language})

    def _renew_password(
        self, call: Call, opened: OpenedLink, code: str, language: str, form: Form
    ) -> httpbody_pb2.HttpBody:
        try:
            password = form.required("new_password")
            if password != form.get("new_password_again"):
                raise invalid("PASSWORDS_DIFFER", "The two passwords differ. Type the same one twice.")
            call.release()
            prepared = self._password_change.prepare(opened.tenant, opened.user.id, password)
            with call.transaction() as work:
                self._self_service.renew_password(
                    work, opened.tenant, opened.link, prepared, language, call.client_ip, call.request_id
                )
        except DomainError as error:
            if error.kind not in _SHOWN_AGAIN:
                raise
            return self._page(call, opened, code, language, error)
        return shown(call, link_page(_CHANGED))

    def _opened(self, call: Call, work: Work, code: str) -> OpenedLink:
        """Raises LINK_NOT_FOUND, LINK_EXPIRED, LINK_USED, and what keeps the user from a new password."""
        link = find_code(work, code, self._clock.now_ms())
        tenant = call.tenancy.find(work, link.tenant_id) if link else None
        if link is None or link.kind not in _ACTIONS or tenant is None or not tenant.enabled:
            raise not_found("LINK_NOT_FOUND", "This link is not valid. Is it whole? Links in old mails have expired.")
        url, user = action_url(work, tenant, _ACTIONS[link.kind]), get_user(work, tenant.id, link.user_id)
        if link.failure and not url:
            raise link_failed(link.failure)
        if not link.failure and link.kind == RESET_PASSWORD:
            if not url:  # a tenant's own page is the tenant's own affair, like what its applications do
                self._self_service.check_page(work, tenant)
            self._self_service.check_reset(work, tenant, user)
        return OpenedLink(link, tenant, user, url)

    def _page(
        self, call: Call, opened: OpenedLink, code: str, language: str, problem: DomainError | None = None
    ) -> httpbody_pb2.HttpBody:
        page = link_page(
            self._words(opened), action=code_link(self._public_url, code, language), email=opened.user.email,
            redirects=bool(opened.action_url), problem=problem.message if problem else "",
        )  # fmt: skip
        return shown(call, page, problem)

    def _words(self, opened: OpenedLink) -> LinkPage:
        if opened.link.failure:
            return _FAILED
        if opened.link.kind == USER_VERIFICATION:
            return _CONFIRM
        return _GO_ON if opened.action_url else _CHOOSE
